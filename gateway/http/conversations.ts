import { Hono } from "hono";
import { z } from "zod";
import { AppError } from "#proto/errors.ts";
import { type ConversationMemberRole, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import {
  AVATAR_URL_CHARS_MAX,
  CLIENT_MSG_ID_CHARS_MAX,
  DESCRIPTION_CHARS_MAX,
  GROUP_CREATE_MEMBERS_MAX,
  isConversationId,
  isPrintableAscii,
  PAGE_SIZE_MAX,
} from "#proto/limits.ts";
import { readJson } from "./body.ts";
import { type ApiContext, type ApiDeps, type ApiEnv, callerOptions } from "./context.ts";
import type { Guard } from "./guard.ts";
import { history } from "./history.ts";
import { conversationToJson, memberToJson } from "./objects.ts";
import { ok } from "./respond.ts";
import { sendMessage } from "./send.ts";
import {
  bodyOf,
  conversationIdOf,
  pageQuery,
  queryOf,
  seqNumber,
  seqText,
  text,
  userId,
  wholeNumber,
} from "./validate.ts";

/** Names may be longer here than allowed, so that logic answers INVALID_CONVERSATION_NAME. */
const nameCharsMax = 1000;
const settingsBytesMax = 4096;
/** Up to here a group's members come with it unless the caller says otherwise. */
const membersShownMax = 200;

const createBody = z
  .object({
    type: z.union([z.literal(ConversationType.SINGLE), z.literal(ConversationType.GROUP)]),
    members: z.array(userId).min(1).max(GROUP_CREATE_MEMBERS_MAX),
    name: text(nameCharsMax).optional(),
    description: text(DESCRIPTION_CHARS_MAX).optional(),
    avatarUrl: text(AVATAR_URL_CHARS_MAX).optional(),
    settings: z.record(text(64), z.unknown()).optional(),
  })
  .refine(({ type, members }) => type !== ConversationType.SINGLE || members.length === 1, {
    path: ["members"],
    message: "has exactly one id for a single conversation",
  });

const listQuery = z.intersection(
  pageQuery,
  z.object({
    type: wholeNumber(1, 3).optional(),
    last_sync: seqText.optional(),
    limit: wholeNumber(1, PAGE_SIZE_MAX).optional(),
  }),
);
const oneQuery = z.object({ includeMembers: z.enum(["true", "false"]).optional() });
const readBody = z.object({ seqId: seqNumber });
const membersQuery = z.intersection(pageQuery, z.object({ role: wholeNumber(1, 3).optional() }));

/** `/conversations` (spec 10 §5 and the list of §6). */
export function conversationRoutes(deps: ApiDeps, guard: Guard): Hono<ApiEnv> {
  const { conversation } = deps.logic;
  const routes = new Hono<ApiEnv>();

  routes.get("/", guard.signedIn, (c) => list(c, deps));
  routes.post("/", guard.registered, (c) => create(c, deps, guard));

  routes.get("/unread", guard.signedIn, async (c) => {
    const { userId } = c.get("identity");
    const answer = await conversation.getUnreadCount({ userId, conversationId: "" }, callerOptions(c, deps));
    const counts = Object.entries(answer.conversationCounts).map(([conversationId, unreadCount]) => ({
      conversationId,
      unreadCount: Number(unreadCount),
    }));
    return ok(c, { total: Number(answer.unreadCount), counts });
  });

  routes.get("/:conversationId", guard.signedIn, (c) => one(c, deps));
  routes.get("/:conversationId/messages", guard.signedIn, (c) => history(c, deps, conversationIdOf(c)));
  routes.post("/:conversationId/messages", guard.signedIn, async (c) => {
    const conversationId = conversationIdOf(c);
    const body = await readJson(c.req.raw, deps.bodyBytesMax);
    return await sendMessage(c, deps, guard.entrance, conversationId, body);
  });

  routes.put("/:conversationId/read", guard.signedIn, async (c) => {
    const conversationId = conversationIdOf(c);
    const { seqId } = await bodyOf(c, readBody, deps.bodyBytesMax);
    const { userId } = c.get("identity");
    const request = { userId, conversationId, seqId: BigInt(seqId) };
    const answer = await conversation.markAsRead(request, callerOptions(c, deps));
    return ok(c, { unreadCount: Number(answer.unreadCount), lastReadSeqId: Number(answer.lastReadSeqId) });
  });

  routes.get("/:conversationId/members", guard.signedIn, async (c) => {
    const conversationId = conversationIdOf(c);
    const { page, size, role } = queryOf(c, membersQuery);
    const { userId } = c.get("identity");
    const roleFilter = (role ?? 0) as ConversationMemberRole;
    const answer = await conversation.getMembers(
      { userId, conversationId, page, pageSize: size, roleFilter },
      callerOptions(c, deps),
    );
    const members = answer.members.map((member) => memberToJson(member, conversationId));
    return ok(c, { members, hasMore: answer.hasMore, total: Number(answer.total) });
  });

  return routes;
}

/** `POST /messages`, the compatibility alias of sending (spec 10 §7). */
export function messageRoutes(deps: ApiDeps, guard: Guard): Hono<ApiEnv> {
  const routes = new Hono<ApiEnv>();
  routes.post("/", guard.signedIn, async (c) => {
    const body = await readJson(c.req.raw, deps.bodyBytesMax);
    const conversationId = body.conversationId ?? body.conversation_id;
    if (typeof conversationId !== "string") {
      throw new AppError("INVALID_MESSAGE_FORMAT", { details: { fields: ["conversationId"] } });
    }
    if (!isConversationId(conversationId)) throw new AppError("CONVERSATION_NOT_FOUND");
    return await sendMessage(c, deps, guard.entrance, conversationId, body);
  });
  return routes;
}

async function list(c: ApiContext, deps: ApiDeps): Promise<Response> {
  const { page, size, type, last_sync: lastSync, limit } = queryOf(c, listQuery);
  const { userId } = c.get("identity");
  const typeFilter = (type ?? 0) as ConversationType;
  const answer = await deps.logic.conversation.getConversationsOptimized(
    {
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
  return ok(c, {
    conversations: answer.conversations.map(conversationToJson),
    hasMore: answer.hasMore,
    total: Number(answer.total),
    serverTime: Number(answer.serverTime),
    ...(lastSync === undefined ? {} : { removed: answer.removedIds }),
  });
}

async function create(c: ApiContext, deps: ApiDeps, guard: Guard): Promise<Response> {
  const body = await bodyOf(c, createBody, deps.bodyBytesMax);
  const { userId } = c.get("identity");
  const settings = body.settings === undefined ? "" : JSON.stringify(body.settings);
  if (Buffer.byteLength(settings) > settingsBytesMax) {
    throw new AppError("INVALID_PARAMETER", { details: { fields: [{ field: "settings", message: "is too long" }] } });
  }
  const idempotencyKey = keyOf(c);
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
      settings,
      idempotencyKey,
    },
    callerOptions(c, deps),
  );
  if (answer.conversation === undefined) throw new AppError("INTERNAL_ERROR");
  const { created } = answer;
  return ok(c, conversationToJson(answer.conversation), created ? 201 : 200, created ? "Created" : "Exists");
}

async function one(c: ApiContext, deps: ApiDeps): Promise<Response> {
  const conversationId = conversationIdOf(c);
  const { includeMembers } = queryOf(c, oneQuery);
  const { userId } = c.get("identity");
  const answer = await deps.logic.conversation.getConversation(
    { userId, conversationId, includeMembers: includeMembers !== "false" },
    callerOptions(c, deps),
  );
  const found = answer.conversation;
  if (found === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
  const json = conversationToJson(found);
  const wanted = includeMembers === "true" || found.memberCount <= membersShownMax;
  if (includeMembers !== "false" && wanted && found.type !== ConversationType.WORLD) {
    json.members = answer.members.map((member) => memberToJson(member, conversationId));
  }
  return ok(c, json);
}

function keyOf(c: ApiContext): string {
  const key = c.req.header("idempotency-key") ?? c.req.header("x-idempotency-key");
  if (key === undefined) return "";
  if (isPrintableAscii(key, CLIENT_MSG_ID_CHARS_MAX)) return key;
  const fields = [{ field: "Idempotency-Key", message: "is not 1 to 64 printable ASCII characters" }];
  throw new AppError("INVALID_PARAMETER", { details: { fields } });
}
