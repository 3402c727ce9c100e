import type { ServiceImpl } from "@connectrpc/connect";
import { singleId } from "#proto/conversation-ids.ts";
import { AppError } from "#proto/errors.ts";
import { ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type {
  ConversationService,
  CreateConversationRequest,
  ReadPointer,
} from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { IDS_MAX, isConversationId, ROOM_USERS_MAX, ROUTE_CONVERSATIONS_MAX } from "#proto/limits.ts";
import type { RepoContext } from "../context.ts";
import { createRouteFinder, type RouteFinder } from "../routes.ts";
import {
  type ConversationStore,
  createConversationStore,
  memberRole,
  type NewConversation,
  singleOf,
} from "../store/conversation.ts";
import { createConversationList } from "../store/conversation-list.ts";
import { createMemberStore, createWorldCount, type MemberStore } from "../store/conversation-members.ts";
import { seconds } from "../store/message-row.ts";
import { createReadPointers, type Pointer, type ReadPointers } from "../store/read-pointer.ts";
import { idOf, invalid } from "./arguments.ts";
import { listMethods, type Present, presenter } from "./conversation-list.ts";
import { draftMethods } from "./drafts.ts";
import { infoChangeMethods } from "./info-changes.ts";
import { joinRequestMethods } from "./join-requests.ts";
import { memberChangeMethods } from "./member-changes.ts";
import { pinMethods } from "./pins.ts";

const pageRowsDefault = 50;

type Impl = ServiceImpl<typeof ConversationService>;
type Of<M extends keyof Impl> = Pick<Impl, M>;

/** gochat.repo.v1.ConversationService. Errors: INVALID_PARAMETER, CONVERSATION_NOT_FOUND, NOT_CONVERSATION_MEMBER,
 *  SERVICE_UNAVAILABLE and those of the changes. */
export function conversationService(context: RepoContext) {
  const store = createConversationStore(context);
  const worldCount = createWorldCount(context);
  const present = presenter(worldCount);
  const finder = createRouteFinder(context);
  return {
    ...conversationMethods(context, store, present),
    ...listMethods(createConversationList(context), worldCount),
    ...memberMethods(createMemberStore(context)),
    ...pointerMethods(createReadPointers(context)),
    ...routeMethods(finder, store),
    ...pinMethods(context, finder),
    ...memberChangeMethods(context, finder),
    ...infoChangeMethods(context, finder, store, present),
    ...joinRequestMethods(context, finder),
    ...draftMethods(context),
  } satisfies Partial<Impl>;
}

function conversationMethods(
  context: RepoContext,
  store: ConversationStore,
  present: Present,
): Of<"createConversation" | "getConversation" | "batchGetConversations"> {
  return {
    async createConversation(request) {
      const { row, created } = await store.insertOrGet(newConversation(request, () => context.ids.snowflake()));
      const [conversation] = await present([row]);
      return conversation === undefined ? { created } : { conversation, created };
    },

    async getConversation({ conversationId }) {
      const [conversation] = await present(await store.byIds([conversationId]));
      if (conversation === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
      return { conversation };
    },

    async batchGetConversations({ conversationIds }) {
      if (conversationIds.length > IDS_MAX) throw invalid("conversation_ids");
      return { conversations: await present(await store.byIds(conversationIds)) };
    },
  };
}

function newConversation(request: CreateConversationRequest, snowflake: () => bigint): NewConversation {
  if (request.memberIds.length > IDS_MAX) throw invalid("member_ids");
  const ownerId = idOf(request.ownerId, "owner_id");
  const others = new Set(request.memberIds.map((id) => idOf(id, "member_ids")));
  others.delete(ownerId);
  return request.type === ConversationType.SINGLE
    ? newSingle(request, ownerId, others)
    : newGroup(request, ownerId, others, snowflake);
}

function newSingle(request: CreateConversationRequest, ownerId: bigint, others: ReadonlySet<bigint>): NewConversation {
  const [peerId] = others;
  if (peerId === undefined || others.size !== 1) throw invalid("member_ids");
  const id = singleId(ownerId, peerId);
  if (request.conversationId !== "" && request.conversationId !== id) throw invalid("conversation_id");
  return { ...singleOf(ownerId, peerId), settings: request.settings };
}

function newGroup(
  request: CreateConversationRequest,
  ownerId: bigint,
  others: ReadonlySet<bigint>,
  snowflake: () => bigint,
): NewConversation {
  const { type, name, avatarUrl, description, settings, conversationId } = request;
  if (type !== ConversationType.GROUP) throw invalid("type");
  if (name === "") throw new AppError("INVALID_CONVERSATION_NAME");
  const given = conversationId !== "";
  if (given && !(conversationId.startsWith("group_") && isConversationId(conversationId)))
    throw invalid("conversation_id");
  const members = [...others].map((userId) => ({ userId, role: memberRole.member as number }));
  members.push({ userId: ownerId, role: memberRole.owner });
  return {
    id: given ? conversationId : `group_${snowflake()}`,
    type,
    name,
    avatarUrl,
    description,
    ownerId,
    settings,
    members,
  };
}

function memberMethods(
  store: MemberStore,
): Of<"getConversationMembers" | "getMembership" | "getUserRooms" | "checkMembers"> {
  const idsOf = (ids: readonly string[], max: number): bigint[] => {
    if (ids.length > max) throw invalid("user_ids");
    return ids.map((id) => idOf(id, "user_ids"));
  };
  return {
    async getConversationMembers({ conversationId, offset, limit, roleFilter, afterUserId }) {
      if (offset < 0) throw invalid("offset");
      const { members, total, hasMore } = await store.page({
        conversationId,
        offset,
        limit: limit <= 0 ? pageRowsDefault : Math.min(limit, IDS_MAX),
        role: roleFilter,
        afterUserId: afterUserId === "" ? undefined : idOf(afterUserId, "after_user_id"),
      });
      return { members, total: BigInt(total), hasMore };
    },

    async getMembership({ conversationId, userIds }) {
      return { members: await store.membership(conversationId, idsOf(userIds, IDS_MAX)) };
    },

    async getUserRooms({ userIds }) {
      const ids = idsOf(userIds, ROOM_USERS_MAX);
      const rooms = await store.rooms(ids);
      return {
        users: ids.map((id) => ({
          $typeName: "gochat.repo.v1.UserRooms" as const,
          userId: id.toString(),
          rooms: (rooms.get(id) ?? []).map((room) => ({ $typeName: "gochat.repo.v1.UserRoom" as const, ...room })),
        })),
      };
    },

    async checkMembers({ conversationId, userIds }) {
      const checked = await store.check(conversationId, idsOf(userIds, IDS_MAX));
      if (checked === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
      return { memberUserIds: checked.memberIds.map(String), membersSeq: checked.membersSeq };
    },
  };
}

function pointerMethods(
  pointers: ReadPointers,
): Of<"updateReadPointer" | "getReadPointer" | "listReadPointers" | "getUnreadCount" | "batchGetUnreadCounts"> {
  return {
    async updateReadPointer({ userId, conversationId, seqId }) {
      if (seqId < 0n) throw invalid("seq_id");
      const moved = await pointers.move(idOf(userId, "user_id"), conversationId, seqId);
      if (moved === undefined) throw new AppError("NOT_CONVERSATION_MEMBER");
      const { previousSeqId, lastReadSeqId, unread, messageId } = moved;
      const row = messageId === undefined ? {} : { messageId: messageId.toString() };
      return { success: true, unreadCount: unread, previousSeqId, lastReadSeqId, ...row };
    },

    async getReadPointer({ userId, conversationId }) {
      const pointer = await pointers.get(idOf(userId, "user_id"), conversationId);
      if (pointer === undefined) return {};
      return { pointer: toReadPointer(pointer) };
    },

    async listReadPointers({ conversationId }) {
      return { pointers: (await pointers.list(conversationId, IDS_MAX)).map(toReadPointer) };
    },

    async getUnreadCount({ userId, conversationId }) {
      if (conversationId === "") throw invalid("conversation_id");
      const counts = await pointers.unread(idOf(userId, "user_id"), [conversationId]);
      const unreadCount = counts.get(conversationId)?.count;
      if (unreadCount === undefined) throw new AppError("NOT_CONVERSATION_MEMBER");
      return { unreadCount };
    },

    async batchGetUnreadCounts({ userId, conversationIds }) {
      if (conversationIds.length > IDS_MAX) throw invalid("conversation_ids");
      const counts = await pointers.unread(idOf(userId, "user_id"), conversationIds);
      return {
        counts: Object.fromEntries(Array.from(counts, ([id, { count }]) => [id, count])),
        notifyMutedIds: [...counts].flatMap(([id, { notifyMuted }]) => (notifyMuted ? [id] : [])),
      };
    },
  };
}

function toReadPointer({ userId, conversationId, lastReadSeqId, lastReadMessageNo, updatedAt }: Pointer): ReadPointer {
  return {
    $typeName: "gochat.repo.v1.ReadPointer",
    userId: userId.toString(),
    conversationId,
    lastReadSeqId,
    lastReadMessageNo,
    updatedAt: seconds(updatedAt),
  };
}

function routeMethods(finder: RouteFinder, store: ConversationStore): Of<"getConversationRoutes"> {
  return {
    async getConversationRoutes({ conversationIds, extras }) {
      if (conversationIds.length > ROUTE_CONVERSATIONS_MAX) throw invalid("conversation_ids");
      if (extras.some(({ userIds }) => userIds.length > IDS_MAX)) throw invalid("extras");
      const asked = new Map(extras.map((extra) => [extra.conversationId, extra]));
      const rows = await store.byIds(conversationIds);
      return await finder.find(
        rows.map(({ id, isRoom, membersSeq }) => {
          const extra = asked.get(id);
          return { id, isRoom, membersSeq, listed: extra?.listed ?? false, extraUserIds: extra?.userIds ?? [] };
        }),
      );
    },
  };
}
