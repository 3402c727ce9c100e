import type { Client, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import type { Friend } from "#proto/gen/gochat/common/v1/friend_pb.ts";
import { FriendStatus } from "#proto/gen/gochat/common/v1/friend_pb.ts";
import { FriendAction, FriendRequestType, type FriendService } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { FriendRequestDirection, type FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import type { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import {
  FRIEND_MESSAGE_CHARS_MAX,
  IDS_MAX,
  isId,
  QUERY_CHARS_MAX,
  REMARK_CHARS_MAX,
  textFault,
} from "#proto/limits.ts";
import type { FriendNotices } from "../friend/notices.ts";
import { invalid, optionsOf, pageOf, requireUserId } from "./arguments.ts";

export interface FriendDeps {
  readonly repo: {
    readonly user: Pick<Client<typeof UserService>, "getUser" | "searchUsersByUsername">;
    readonly friendship: Client<typeof FriendshipService>;
    readonly onlineStatus: Pick<Client<typeof OnlineStatusService>, "getUsersOnlineStatus">;
  };
  readonly notices: FriendNotices;
}

type Impl = ServiceImpl<typeof FriendService>;
type Of<M extends keyof Impl> = Pick<Impl, M>;

const foundDefault = 10;
const foundMax = 20;

/** gochat.logic.v1.FriendService (spec 10 §8). Errors: those of the spec; GUEST_FORBIDDEN for guests. */
export function friendService(deps: FriendDeps): Impl {
  return { ...requestMethods(deps), ...friendMethods(deps), ...blockMethods(deps), ...searchMethods(deps) };
}

async function requireRegistered({ repo }: Pick<FriendDeps, "repo">, userId: string, call: HandlerContext) {
  requireUserId(userId);
  const { user } = await repo.user.getUser({ userId }, optionsOf(call));
  if (user?.isGuest !== false) throw new AppError("GUEST_FORBIDDEN");
}

function requestMethods(deps: FriendDeps): Of<"sendFriendRequest" | "handleFriendRequest" | "getFriendRequests"> {
  const { repo, notices } = deps;
  return {
    async sendFriendRequest({ requesterId, targetId, message }, call) {
      requireUserId(requesterId, "requester_id");
      if (!isId(targetId)) throw new AppError("USER_NOT_FOUND");
      if (requesterId === targetId) throw new AppError("CANNOT_ADD_SELF_AS_FRIEND");
      if (textFault(message, FRIEND_MESSAGE_CHARS_MAX) !== undefined) throw invalid("message");
      const answer = await repo.friendship.createFriendRequest({ requesterId, targetId, message }, optionsOf(call));
      const { request } = answer;
      if (request === undefined) throw new AppError("INTERNAL_ERROR", { cause: "asked without a row" });
      if (answer.autoAccepted) notices.accepted(request, answer.conversation?.id ?? "");
      else notices.asked(request);
      return { request };
    },

    async handleFriendRequest({ requestId, handlerId, action }, call) {
      requireUserId(handlerId, "handler_id");
      if (action !== FriendAction.ACCEPT && action !== FriendAction.REJECT) throw invalid("action");
      if (!isId(requestId)) throw new AppError("FRIEND_REQUEST_NOT_FOUND");
      const status = action === FriendAction.ACCEPT ? FriendStatus.ACCEPTED : FriendStatus.REJECTED;
      const calls = optionsOf(call);
      const answer = await repo.friendship.updateFriendRequest({ requestId, handlerId, status }, calls);
      const { request, conversation } = answer;
      if (request === undefined) throw new AppError("INTERNAL_ERROR", { cause: "handled without a row" });
      if (conversation === undefined) notices.rejected(request);
      else notices.accepted(request, conversation.id);
      return conversation === undefined ? { request } : { request, conversation };
    },

    async getFriendRequests({ userId, status, type, page, pageSize }, call) {
      await requireRegistered(deps, userId, call);
      if (status !== undefined && status > FriendStatus.REJECTED) throw invalid("status");
      const at = pageOf(page, pageSize);
      const direction = type === FriendRequestType.SENT ? FriendRequestDirection.SENT : FriendRequestDirection.RECEIVED;
      const window = { offset: at.offset, limit: at.pageSize + 1 };
      const asked = { userId, type: direction, ...window, ...(status === undefined ? {} : { status }) };
      const { requests } = await repo.friendship.getUserFriendRequests(asked, optionsOf(call));
      return { requests: requests.slice(0, at.pageSize), hasMore: requests.length > at.pageSize };
    },
  };
}

function friendMethods(deps: FriendDeps): Of<"getFriends" | "removeFriend" | "setRemark"> {
  const { repo, notices } = deps;

  /** Who blocked the user is shown offline to him. */
  async function withPresence(userId: string, friends: readonly Friend[], call: HandlerContext): Promise<Friend[]> {
    const calls = optionsOf(call);
    const known = new Map<string, { online: boolean; lastSeen: bigint }>();
    for (let from = 0; from < friends.length; from += IDS_MAX) {
      const ids = friends.slice(from, from + IDS_MAX).map((friend) => friend.friendId);
      const { relations } = await repo.friendship.areFriends({ userId, otherIds: ids }, calls);
      const shown = ids.filter((id) => relations[id]?.blocked === false);
      if (shown.length === 0) continue;
      const { statuses } = await repo.onlineStatus.getUsersOnlineStatus({ userIds: shown }, calls);
      for (const { userId: id, isOnline, lastSeen } of statuses) known.set(id, { online: isOnline, lastSeen });
    }
    return friends.map((friend) => ({ ...friend, ...known.get(friend.friendId) }));
  }

  return {
    async getFriends({ userId, lastSyncTime, includeOnlineStatus }, call) {
      await requireRegistered(deps, userId, call);
      if (lastSyncTime < 0n) throw invalid("last_sync_time");
      const answer = await repo.friendship.getUserFriendsWithSync({ userId, lastSyncTime }, optionsOf(call));
      const { friends: found, removedIds: removed, serverTime } = answer;
      const friends = includeOnlineStatus ? await withPresence(userId, found, call) : found;
      return { friends, removed, serverTime };
    },

    async removeFriend({ userId, friendId }, call) {
      requireUserId(userId);
      if (!isId(friendId)) throw new AppError("NOT_FRIENDS");
      if (friendId === userId) throw new AppError("NOT_FRIENDS");
      await repo.friendship.removeFriendship({ userId, otherId: friendId }, optionsOf(call));
      notices.removed(userId, friendId);
      return { success: true };
    },

    async setRemark({ userId, friendId, remark }, call) {
      requireUserId(userId);
      if (!isId(friendId)) throw new AppError("NOT_FRIENDS");
      if (textFault(remark, REMARK_CHARS_MAX) !== undefined) throw invalid("remark");
      const { friend } = await repo.friendship.setRemark({ userId, otherId: friendId, remark }, optionsOf(call));
      return friend === undefined ? {} : { friend };
    },
  };
}

function blockMethods(deps: FriendDeps): Of<"blockUser" | "unblockUser" | "listBlocked"> {
  const { repo, notices } = deps;
  async function set(userId: string, targetId: string, blocked: boolean, call: HandlerContext) {
    await requireRegistered(deps, userId, call);
    if (!isId(targetId)) throw new AppError("USER_NOT_FOUND");
    if (targetId === userId) throw invalid("target_id");
    const calls = optionsOf(call);
    const { relations } = await repo.friendship.areFriends({ userId, otherIds: [targetId] }, calls);
    await repo.friendship.setBlock({ userId, otherId: targetId, blocked }, calls);
    if (blocked && relations[targetId]?.friends === true) notices.blocked(userId, targetId);
    return { success: true };
  }
  return {
    blockUser: ({ userId, targetId }, call) => set(userId, targetId, true, call),
    unblockUser: ({ userId, targetId }, call) => set(userId, targetId, false, call),

    async listBlocked({ userId, page, pageSize }, call) {
      await requireRegistered(deps, userId, call);
      const at = pageOf(page, pageSize);
      const request = { userId, offset: at.offset, limit: at.pageSize + 1 };
      const { blocked } = await repo.friendship.listBlocked(request, optionsOf(call));
      return { blocked: blocked.slice(0, at.pageSize), hasMore: blocked.length > at.pageSize };
    },
  };
}

function searchMethods(deps: FriendDeps): Of<"searchUsers"> {
  const { repo } = deps;
  return {
    /** Exact match first, then prefix, then contains; the caller, guests, disabled accounts and who blocked the caller are not found. */
    async searchUsers({ userId, query, limit }, call) {
      requireUserId(userId);
      const wanted = query.trim();
      if (wanted === "" || textFault(wanted, QUERY_CHARS_MAX) !== undefined) throw invalid("query");
      if (limit < 0 || limit > foundMax) throw invalid("limit");
      await requireRegistered(deps, userId, call);
      const request = {
        query: wanted,
        limit: limit === 0 ? foundDefault : limit,
        excludeIds: [userId],
        searcherId: userId,
      };
      const { users } = await repo.user.searchUsersByUsername(request);
      return { users };
    },
  };
}
