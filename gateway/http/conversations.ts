import { z } from "zod";
import { rawListOf } from "#infra/rpc/raw-list.ts";
import { AppError } from "#proto/errors.ts";
import { type Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import {
  AVATAR_URL_CHARS_MAX,
  CONVERSATION_NAME_CHARS_MAX,
  DESCRIPTION_CHARS_MAX,
  GROUP_CREATE_MEMBERS_MAX,
  PAGE_SIZE_MAX,
} from "#proto/limits.ts";
import { conversationId, count, id, seconds, seq, text } from "#proto/schemas/fields.ts";
import { conversation } from "#proto/schemas/objects.ts";
import { type ApiCall, type ApiDeps, callerOptions } from "./context.ts";
import { aliased, type Endpoints, endpoint, type Input, ok, type Reply } from "./endpoint.ts";
import type { Guard } from "./guard.ts";
import { listText, textOnce } from "./json-text.ts";
import type { Handlers } from "./mount.ts";
import { announcementToJson, conversationToJson, memberToJson } from "./objects.ts";
import { rawListText } from "./raw-text.ts";
import { flag, pageAliases, pageFields, seqText, wholeNumber } from "./validate.ts";

/** Names may be longer here than allowed, so that logic answers INVALID_CONVERSATION_NAME. */
const nameCharsMax = 1000;
const settingsBytesMax = 4096;
/** Up to here a group's members come with it unless the caller says otherwise. */
const membersShownMax = 200;

export const settings = z
  .record(text(64), z.unknown())
  .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= settingsBytesMax, "is too long");

const createBody = z
  .object({
    type: z
      .union([z.literal(ConversationType.SINGLE), z.literal(ConversationType.GROUP)])
      .describe("1 single, 2 group"),
    members: z.array(id).min(1).max(GROUP_CREATE_MEMBERS_MAX).describe("Without the caller; single: exactly one"),
    name: text(nameCharsMax)
      .meta({ maxLength: CONVERSATION_NAME_CHARS_MAX, description: "Required for a group" })
      .optional(),
    description: text(DESCRIPTION_CHARS_MAX).optional(),
    avatarUrl: text(AVATAR_URL_CHARS_MAX).optional(),
    settings: settings
      .describe(
        "Group: `join_approval_required`, `invite_enabled`, `max_members`, `mute_all`, `allow_member_view_history`. Single: " +
          "`allow_recall`, `recall_time_limit` in seconds, `show_read_status`, for both sides, where it begins",
      )
      .optional(),
  })
  .refine(({ type, members }) => type !== ConversationType.SINGLE || members.length === 1, {
    path: ["members"],
    message: "has exactly one id for a single conversation",
  });

/** `/conversations` (spec 10 §5). */
export const conversationEndpoints = {
  listConversations: endpoint({
    method: "get",
    path: "/conversations",
    summary: "The caller's conversations",
    description:
      "Pinned ones first, then by last activity. With `last_sync`: what changed since, oldest change first; where that " +
      "`hasMore`, more than `limit` changed, and the whole list is to be read instead.",
    auth: "user",
    query: aliased(
      z.object({
        ...pageFields,
        type: wholeNumber(1, 3).optional(),
        last_sync: seqText.describe("Unix seconds: `serverTime` of the answer before").optional(),
        limit: wholeNumber(1, PAGE_SIZE_MAX).optional(),
      }),
      pageAliases,
    ),
    answers: {
      200: z.object({
        conversations: z.array(conversation),
        hasMore: z.boolean(),
        total: count,
        serverTime: seconds,
        removed: z
          .array(conversationId)
          .describe("With `last_sync`: those that the caller is no longer in, and those that the caller hid")
          .exactOptional(),
      }),
    },
  }),
  createConversation: endpoint({
    method: "post",
    path: "/conversations",
    summary: "Begin a single conversation or a group",
    description: "A single conversation that exists already is answered with 200.",
    auth: "registered",
    idempotent: true,
    body: createBody,
    answers: { 200: conversation, 201: conversation },
    errors: [
      ...(["INVALID_CONVERSATION_NAME", "CANNOT_CHAT_SELF", "BLOCKED_BY_USER", "NOT_FRIENDS"] as const),
      ...(["USER_NOT_FOUND", "CONVERSATION_FULL", "GUEST_FORBIDDEN"] as const),
    ],
  }),
  countUnread: endpoint({
    method: "get",
    path: "/conversations/unread",
    summary: "Unread messages by conversation",
    auth: "user",
    answers: {
      200: z.object({ total: count, counts: z.array(z.object({ conversationId, unreadCount: count })) }),
    },
  }),
  getConversation: endpoint({
    method: "get",
    path: "/conversations/{conversationId}",
    summary: "One conversation, with its members",
    auth: "user",
    query: z.object({
      includeMembers: flag.describe(`Default: true up to ${membersShownMax} members`).optional(),
    }),
    answers: { 200: conversation },
    errors: ["NOT_CONVERSATION_MEMBER"],
  }),
  markRead: endpoint({
    method: "put",
    path: "/conversations/{conversationId}/read",
    summary: "Move the read pointer forward",
    description: "Beyond the last seq counts as the last; lower than the present pointer changes nothing.",
    auth: "user",
    body: z.object({ seqId: seq }),
    answers: { 200: z.object({ unreadCount: count, lastReadSeqId: seq }) },
    errors: ["NOT_CONVERSATION_MEMBER"],
  }),
} satisfies Endpoints;

export function conversationHandlers(deps: ApiDeps, guard: Guard): Handlers<typeof conversationEndpoints> {
  const { conversation } = deps.logic;

  return {
    listConversations: (c, input) => list(c, deps, input),
    createConversation: (c, input) => create(c, deps, guard, input),
    getConversation: (c, input) => one(c, deps, input),

    async countUnread(c) {
      const { userId } = c.identity;
      const answer = await conversation.getUnreadCount({ userId, conversationId: "" }, callerOptions(c, deps));
      const counts = Object.entries(answer.conversationCounts).map(([conversationId, unreadCount]) => ({
        conversationId,
        unreadCount: Number(unreadCount),
      }));
      return ok({ total: Number(answer.unreadCount), counts });
    },

    async markRead(c, { params: { conversationId }, body: { seqId } }) {
      const { userId } = c.identity;
      const request = { userId, conversationId, seqId: BigInt(seqId) };
      const answer = await conversation.markAsRead(request, callerOptions(c, deps));
      return ok({ unreadCount: Number(answer.unreadCount), lastReadSeqId: Number(answer.lastReadSeqId) });
    },
  };
}

type ListJson = z.input<Of<"listConversations">["answers"][200]>;

const textOf = (one: Conversation): string => JSON.stringify(conversationToJson(one));
const pageText = listText<ListJson, Conversation>("conversations", textOnce(textOf));
const rawPageText = rawListText<ListJson, Conversation>("conversations", textOf);

type Of<K extends keyof typeof conversationEndpoints> = (typeof conversationEndpoints)[K];

async function list(
  c: ApiCall,
  deps: ApiDeps,
  { query: { page, size, type, last_sync: lastSync, limit } }: Input<Of<"listConversations">>,
): Promise<Reply<Of<"listConversations">>> {
  const { userId } = c.identity;
  const typeFilter = (type ?? 0) as ConversationType;
  const answer = await deps.logic.conversation.getConversationsOptimized(
    {
      $typeName: "gochat.logic.v1.GetConversationsOptimizedRequest",
      userId,
      page,
      pageSize: size,
      typeFilter,
      orderBy: "",
      includeLastMessage: true,
      includeUnreadCount: true,
      lastSyncTime: BigInt(lastSync ?? 0),
      limit: limit ?? (lastSync === undefined ? 0 : PAGE_SIZE_MAX),
    },
    callerOptions(c, deps),
  );
  const rest = {
    hasMore: answer.hasMore,
    total: Number(answer.total),
    serverTime: Number(answer.serverTime),
    ...(lastSync === undefined ? {} : { removed: answer.removedIds }),
  };
  const raw = rawListOf(answer, "conversations");
  return ok(raw === undefined ? pageText(answer.conversations, rest) : rawPageText(raw, rest));
}

async function create(
  c: ApiCall,
  deps: ApiDeps,
  guard: Guard,
  { body }: Input<Of<"createConversation">>,
): Promise<Reply<Of<"createConversation">>> {
  const { userId } = c.identity;
  if (body.type === ConversationType.GROUP) {
    await guard.entrance.pass([{ rule: "create_group", resource: `user:${userId}` }]);
  }
  const answer = await deps.logic.conversation.createConversation(
    {
      creatorId: userId,
      type: body.type,
      name: body.name ?? "",
      avatarUrl: body.avatarUrl ?? "",
      description: body.description ?? "",
      memberIds: body.members,
      settings: body.settings === undefined ? "" : JSON.stringify(body.settings),
    },
    callerOptions(c, deps),
  );
  if (answer.conversation === undefined) throw new AppError("INTERNAL_ERROR");
  const data = conversationToJson(answer.conversation);
  return answer.created ? { status: 201, data, message: "Created" } : { status: 200, data, message: "Exists" };
}

async function one(
  c: ApiCall,
  deps: ApiDeps,
  { params: { conversationId }, query: { includeMembers } }: Input<Of<"getConversation">>,
): Promise<Reply<Of<"getConversation">>> {
  const { userId } = c.identity;
  const answer = await deps.logic.conversation.getConversation(
    { userId, conversationId, includeMembers: includeMembers !== false },
    callerOptions(c, deps),
  );
  const found = answer.conversation;
  if (found === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
  const json = conversationToJson(found);
  if (answer.announcement !== undefined) json.announcement = announcementToJson(answer.announcement);
  const wanted = includeMembers ?? found.memberCount <= membersShownMax;
  if (wanted && found.type !== ConversationType.WORLD) {
    json.members = answer.members.map((member) => memberToJson(member, conversationId));
  }
  return ok(json);
}
