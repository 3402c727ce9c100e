import type { ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import { FriendStatus } from "#proto/gen/gochat/common/v1/friend_pb.ts";
import { FriendRequestDirection, type FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { FRIEND_MESSAGE_CHARS_MAX, IDS_MAX, REMARK_CHARS_MAX } from "#proto/limits.ts";
import type { RepoContext } from "../context.ts";
import { createConversationStore } from "../store/conversation.ts";
import { toConversation } from "../store/conversation-row.ts";
import { createFriendLists, type FriendLists, type Pair } from "../store/friend-list.ts";
import { type Asked, createFriendships, type Friendships } from "../store/friendship.ts";
import { toFriend, toFriendRequest } from "../store/friendship-row.ts";
import { seconds } from "../store/message-row.ts";
import { checkText, idOf, invalid } from "./arguments.ts";
import { relationMethods } from "./relations.ts";

type Impl = ServiceImpl<typeof FriendshipService>;

const pageRowsDefault = 20;
const pageRowsMax = 200;

/** gochat.repo.v1.FriendshipService. Errors: INVALID_PARAMETER, SERVICE_UNAVAILABLE and what `Friendships` throws. */
export function friendshipService(context: RepoContext): Impl {
  const lists = createFriendLists(context);
  const friendships = createFriendships(context, createConversationStore(context));
  return {
    ...requestMethods(friendships, lists),
    ...friendMethods(context, friendships, lists),
    ...relationMethods(context),
  };
}

function pairOf(one: string, other: string, field: string): [bigint, bigint] {
  const pair: [bigint, bigint] = [idOf(one, "user_id"), idOf(other, field)];
  if (pair[0] === pair[1]) throw invalid(field);
  return pair;
}

function pageOf(offset: number, limit: number): { offset: number; limit: number } {
  if (offset < 0) throw invalid("offset");
  return { offset, limit: limit <= 0 ? pageRowsDefault : Math.min(limit, pageRowsMax) };
}

/** Keeps the order. */
function byUser(pairs: readonly Pair[]): { userId: string; friendIds: string[] }[] {
  const users = new Map<string, string[]>();
  for (const { userId, friendId } of pairs) {
    const friends = users.get(userId.toString());
    if (friends === undefined) users.set(userId.toString(), [friendId.toString()]);
    else friends.push(friendId.toString());
  }
  return Array.from(users, ([userId, friendIds]) => ({ userId, friendIds }));
}

function answerOf({ row, people, conversation }: Asked) {
  const request = toFriendRequest(row, people);
  return conversation === undefined ? { request } : { request, conversation: toConversation(conversation) };
}

function requestMethods(
  friendships: Friendships,
  lists: FriendLists,
): Pick<Impl, "createFriendRequest" | "checkExistingFriendRequest" | "updateFriendRequest" | "getUserFriendRequests"> {
  return {
    async createFriendRequest({ requesterId, targetId, message }) {
      checkText(message, "message", FRIEND_MESSAGE_CHARS_MAX);
      const asked = await friendships.ask(...pairOf(requesterId, targetId, "target_id"), message);
      return { ...answerOf(asked), autoAccepted: asked.conversation !== undefined };
    },

    async checkExistingFriendRequest({ requesterId, targetId }) {
      const request = await lists.between(...pairOf(requesterId, targetId, "target_id"));
      return request === undefined ? { exists: false } : { exists: true, request };
    },

    async updateFriendRequest({ requestId, handlerId, status }) {
      if (status !== FriendStatus.ACCEPTED && status !== FriendStatus.REJECTED) throw invalid("status");
      const id = idOf(requestId, "request_id");
      return answerOf(await friendships.handle(id, idOf(handlerId, "handler_id"), status === FriendStatus.ACCEPTED));
    },

    async getUserFriendRequests({ userId, status, type, offset, limit }) {
      const sent = type === FriendRequestDirection.SENT;
      const query = { userId: idOf(userId, "user_id"), sent, status, ...pageOf(offset, limit) };
      return { requests: await lists.requests(query) };
    },
  };
}

function friendMethods(
  { db }: Pick<RepoContext, "db">,
  friendships: Friendships,
  lists: FriendLists,
): Omit<Impl, keyof ReturnType<typeof requestMethods> | "areFriends"> {
  return {
    async createFriendshipRelation({ userId, friendId }) {
      await friendships.befriend(...pairOf(userId, friendId, "friend_id"));
      return { success: true };
    },

    async getUserFriends({ userId, status }) {
      if (status === FriendStatus.PENDING || status === FriendStatus.REJECTED) throw invalid("status");
      return { friends: await lists.withStatus(idOf(userId, "user_id"), status) };
    },

    /** Who is online is asked of OnlineStatusService. */
    async getUserFriendsWithSync({ userId, lastSyncTime }) {
      const user = idOf(userId, "user_id");
      // Taken before the rows are read: what is stored meanwhile is in the next window.
      const serverTime = seconds(await db.now());
      if (lastSyncTime <= 0n) {
        return { friends: await lists.withStatus(user, FriendStatus.ACCEPTED), serverTime };
      }
      return { ...(await lists.changedSince(user, Number(lastSyncTime) * 1000)), serverTime };
    },

    async getMutualFriends({ userIds, afterUserId, afterFriendId, limit }) {
      if (userIds.length > IDS_MAX) throw invalid("user_ids");
      const users = [...new Set(userIds)].map((id) => idOf(id, "user_ids"));
      const after = {
        userId: afterUserId === "" ? 0n : idOf(afterUserId, "after_user_id"),
        friendId: afterFriendId === "" ? 0n : idOf(afterFriendId, "after_friend_id"),
      };
      const { pairs, next } = await lists.mutual(users, after, limit <= 0 ? IDS_MAX : Math.min(limit, IDS_MAX));
      return {
        users: byUser(pairs),
        nextUserId: next?.userId.toString() ?? "",
        nextFriendId: next?.friendId.toString() ?? "",
      };
    },

    async removeFriendship({ userId, otherId }) {
      await friendships.remove(...pairOf(userId, otherId, "other_id"));
      return { success: true };
    },

    async setRemark({ userId, otherId, remark }) {
      checkText(remark, "remark", REMARK_CHARS_MAX);
      const pair = [idOf(userId, "user_id"), idOf(otherId, "other_id")] as const;
      if (pair[0] === pair[1]) throw new AppError("NOT_FRIENDS");
      const { row, friend } = await friendships.remark(...pair, remark);
      return { friend: toFriend(row, friend) };
    },

    async setBlock({ userId, otherId, blocked }) {
      await friendships.block(...pairOf(userId, otherId, "other_id"), blocked);
      return { success: true };
    },

    async listBlocked({ userId, offset, limit }) {
      const at = pageOf(offset, limit);
      return { blocked: await lists.page(idOf(userId, "user_id"), FriendStatus.BLOCKED, at.offset, at.limit) };
    },
  };
}
