import { z } from "zod";
import { ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import {
  type JoinRequest,
  JoinRequestAction,
  type JoinRequestStatus,
} from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import {
  ANNOUNCEMENT_CHARS_MAX,
  AVATAR_URL_CHARS_MAX,
  CONVERSATION_NAME_CHARS_MAX,
  DESCRIPTION_CHARS_MAX,
  FRIEND_MESSAGE_CHARS_MAX,
  QUERY_CHARS_MAX,
  REASON_CHARS_MAX,
} from "#proto/limits.ts";
import { count, filledText, id, seq, text } from "#proto/schemas/fields.ts";
import { announcement, conversation, conversationMember, joinRequest } from "#proto/schemas/objects.ts";
import { type ApiDeps, callerOptions } from "./context.ts";
import { settings } from "./conversations.ts";
import { aliased, created, done, type Endpoints, endpoint, ok } from "./endpoint.ts";
import { memberErrors } from "./members.ts";
import { changeAliases, changeIdOf, changeKey } from "./message-changes.ts";
import type { Handlers } from "./mount.ts";
import { announcementToJson, conversationToJson, memberToJson, required } from "./objects.ts";
import { pageAliases, pageFields, seqText, wholeNumber, wholeNumberOr } from "./validate.ts";

const version = z
  .string()
  .regex(/^\d{1,18}$/, "is not a version")
  .describe("As last read; without it, whatever is there is replaced")
  .optional();
const searchedMax = 50;
/** Names may be longer here than allowed, so that logic answers INVALID_CONVERSATION_NAME. */
const nameCharsMax = 1000;

/** What a conversation says of itself, and what each member decides for himself (spec 10 §5, §6, §9). The two paths without
 *  an id come first. */
export const conversationChangeEndpoints = {
  searchConversations: endpoint({
    method: "get",
    path: "/conversations/search",
    summary: "The caller's conversations by name",
    auth: "user",
    limit: "search",
    query: z.object({
      q: filledText(QUERY_CHARS_MAX),
      type: wholeNumber(1, 3).optional(),
      limit: wholeNumberOr(searchedMax, 1, searchedMax),
    }),
    answers: { 200: z.object({ conversations: z.array(conversation) }) },
  }),
  joinWorld: endpoint({
    method: "post",
    path: "/conversations/world/join",
    summary: "Join the world room",
    description: "Every account is in it from the beginning: joining again changes nothing.",
    auth: "user",
    answers: { 200: conversation },
    errors: ["GUEST_DISABLED"],
  }),
  updateConversation: endpoint({
    method: "put",
    path: "/conversations/{conversationId}",
    summary: "Change a group's name, picture, description or settings",
    auth: "registered",
    body: aliased(
      z.object({
        ...changeKey,
        name: text(nameCharsMax).meta({ maxLength: CONVERSATION_NAME_CHARS_MAX }).optional(),
        avatarUrl: text(AVATAR_URL_CHARS_MAX).optional(),
        description: text(DESCRIPTION_CHARS_MAX).optional(),
        settings: settings.describe("Those to set; the others stay").optional(),
        version,
      }),
      changeAliases,
    ),
    answers: { 200: conversation },
    errors: [...memberErrors, "VERSION_CONFLICT", "INVALID_CONVERSATION_NAME"],
  }),
  deleteConversation: endpoint({
    method: "delete",
    path: "/conversations/{conversationId}",
    summary: "Dissolve a group, or hide a single conversation",
    description: "A group: its owner, for all. A single one: for the caller, until the next message.",
    auth: "user",
    query: aliased(z.object({ ...changeKey, reason: text(REASON_CHARS_MAX).optional() }), changeAliases),
    answers: { 200: null },
    errors: memberErrors,
  }),
  updateMySettings: endpoint({
    method: "put",
    path: "/conversations/{conversationId}/settings",
    summary: "Pin a conversation, or hear no more of it: for the caller only",
    auth: "user",
    body: z.object({ pinned: z.boolean().optional(), notifyMuted: z.boolean().optional() }),
    answers: { 200: conversationMember },
    errors: ["NOT_CONVERSATION_MEMBER"],
  }),
  listReaders: endpoint({
    method: "get",
    path: "/conversations/{conversationId}/reads",
    summary: "Who has read up to a seq, and who has not",
    auth: "user",
    query: z.object({ seqId: seqText }),
    answers: {
      200: z.object({
        readers: z.array(z.object({ userId: id, lastReadSeqId: seq })),
        unreadUserIds: z.array(id),
      }),
    },
    errors: ["NOT_CONVERSATION_MEMBER", "OPERATION_NOT_SUPPORTED"],
  }),
  getAnnouncement: endpoint({
    method: "get",
    path: "/conversations/{conversationId}/announcement",
    summary: "What a group announces",
    description: "No data when there is nothing.",
    auth: "user",
    answers: { 200: announcement.optional() },
    errors: ["NOT_CONVERSATION_MEMBER"],
  }),
  setAnnouncement: endpoint({
    method: "put",
    path: "/conversations/{conversationId}/announcement",
    summary: "Announce something in a group",
    auth: "user",
    body: aliased(
      z.object({ ...changeKey, content: text(ANNOUNCEMENT_CHARS_MAX), pinned: z.boolean().optional(), version }),
      changeAliases,
    ),
    answers: { 200: announcement },
    errors: [...memberErrors, "VERSION_CONFLICT"],
  }),
  requestJoin: endpoint({
    method: "post",
    path: "/conversations/{conversationId}/join-requests",
    summary: "Ask to be let into a group",
    description: "Where its setting `join_approval_required` is on; into others one is invited.",
    auth: "registered",
    idempotent: true,
    body: z.object({ message: text(FRIEND_MESSAGE_CHARS_MAX).optional() }),
    answers: { 201: joinRequest },
    errors: [
      ...(["ALREADY_REQUESTED", "USER_ALREADY_IN_CONVERSATION", "OPERATION_NOT_SUPPORTED"] as const),
      ...(["CONVERSATION_DISSOLVED"] as const),
    ],
  }),
  listJoinRequests: endpoint({
    method: "get",
    path: "/conversations/{conversationId}/join-requests",
    summary: "Who asks to be let in, newest first",
    auth: "user",
    query: aliased(z.object({ ...pageFields, status: wholeNumber(1, 3).optional() }), pageAliases),
    answers: { 200: z.object({ requests: z.array(joinRequest), total: count, hasMore: z.boolean() }) },
    errors: ["NOT_CONVERSATION_MEMBER", "INSUFFICIENT_PERMISSION", "OPERATION_NOT_SUPPORTED"],
  }),
  handleJoinRequest: endpoint({
    method: "put",
    path: "/conversations/{conversationId}/join-requests/{joinRequestId}",
    summary: "Let somebody in, or not",
    auth: "user",
    body: aliased(z.object({ ...changeKey, action: z.enum(["accept", "reject"]) }), changeAliases),
    answers: { 200: joinRequest },
    errors: [
      ...(["NOT_CONVERSATION_MEMBER", "INSUFFICIENT_PERMISSION", "CONVERSATION_DISSOLVED"] as const),
      ...(["IDEMPOTENCY_CONFLICT", "CONVERSATION_FULL", "USER_NOT_FOUND"] as const),
    ],
  }),
} satisfies Endpoints;

type Of<K extends keyof typeof conversationChangeEndpoints> = Pick<Handlers<typeof conversationChangeEndpoints>, K>;

export function conversationChangeHandlers(deps: ApiDeps): Handlers<typeof conversationChangeEndpoints> {
  return { ...infoHandlers(deps), ...personalHandlers(deps), ...announcementHandlers(deps), ...joinHandlers(deps) };
}

function infoHandlers(
  deps: ApiDeps,
): Of<"searchConversations" | "joinWorld" | "updateConversation" | "deleteConversation"> {
  const logic = deps.logic.conversation;
  return {
    async searchConversations(c, { query: { q, type, limit } }) {
      const typeFilter = (type ?? ConversationType.UNSPECIFIED) as ConversationType;
      const request = { userId: c.identity.userId, query: q, typeFilter, limit };
      const { conversations } = await logic.searchConversations(request, callerOptions(c, deps));
      return ok({ conversations: conversations.map(conversationToJson) });
    },

    async joinWorld(c) {
      const answer = await logic.joinWorldChat({ userId: c.identity.userId }, callerOptions(c, deps));
      return ok(conversationToJson(required(answer.conversation)));
    },

    async updateConversation(c, { params: { conversationId }, body }) {
      const { name, avatarUrl, description } = body;
      const updateMask = [
        ...(name === undefined ? [] : ["name"]),
        ...(avatarUrl === undefined ? [] : ["avatar_url"]),
        ...(description === undefined ? [] : ["description"]),
        ...(body.settings === undefined ? [] : ["settings"]),
      ];
      const info = { name: name ?? "", avatarUrl: avatarUrl ?? "", description: description ?? "", updateMask };
      const fields = {
        ...info,
        settings: body.settings === undefined ? "" : JSON.stringify(body.settings),
        version: BigInt(body.version ?? 0),
        clientMsgId: changeIdOf(body),
      };
      const request = { userId: c.identity.userId, conversationId, ...fields };
      const answer = await logic.updateConversation(request, callerOptions(c, deps));
      return ok(conversationToJson(required(answer.conversation)), "Changed");
    },

    async deleteConversation(c, { params: { conversationId }, query }) {
      const fields = { reason: query.reason ?? "", clientMsgId: changeIdOf(query) };
      const request = { userId: c.identity.userId, conversationId, ...fields };
      await logic.deleteConversation(request, callerOptions(c, deps));
      return done("Deleted");
    },
  };
}

function personalHandlers(deps: ApiDeps): Of<"updateMySettings" | "listReaders"> {
  const logic = deps.logic.conversation;
  return {
    async updateMySettings(c, { params: { conversationId }, body: { pinned, notifyMuted } }) {
      const updateMask = [
        ...(pinned === undefined ? [] : ["pinned"]),
        ...(notifyMuted === undefined ? [] : ["notify_muted"]),
      ];
      const fields = { pinned: pinned === true, notifyMuted: notifyMuted === true, updateMask };
      const request = { userId: c.identity.userId, conversationId, ...fields };
      const { member } = await logic.updateMySettings(request, callerOptions(c, deps));
      return ok(memberToJson(required(member), conversationId));
    },

    async listReaders(c, { params: { conversationId }, query: { seqId } }) {
      const request = { userId: c.identity.userId, conversationId, seqId: BigInt(seqId) };
      const answer = await logic.getReaders(request, callerOptions(c, deps));
      const readers = answer.readers.map(({ userId, lastReadSeqId }) => ({
        userId,
        lastReadSeqId: Number(lastReadSeqId),
      }));
      return ok({ readers, unreadUserIds: answer.unreadUserIds });
    },
  };
}

function announcementHandlers(deps: ApiDeps): Of<"getAnnouncement" | "setAnnouncement"> {
  const logic = deps.logic.conversation;
  return {
    async getAnnouncement(c, { params: { conversationId } }) {
      const request = { userId: c.identity.userId, conversationId };
      const answer = await logic.getAnnouncement(request, callerOptions(c, deps));
      return ok(answer.announcement === undefined ? undefined : announcementToJson(answer.announcement));
    },

    async setAnnouncement(c, { params: { conversationId }, body }) {
      const fields = { content: body.content, pinned: body.pinned === true, clientMsgId: changeIdOf(body) };
      const request = { userId: c.identity.userId, conversationId, ...fields };
      const versioned = { ...request, version: BigInt(body.version ?? 0) };
      const answer = await logic.setAnnouncement(versioned, callerOptions(c, deps));
      return ok(announcementToJson(required(answer.announcement)), "Announced");
    },
  };
}

function joinHandlers(deps: ApiDeps): Of<"requestJoin" | "listJoinRequests" | "handleJoinRequest"> {
  const logic = deps.logic.conversation;
  return {
    async requestJoin(c, { params: { conversationId }, body: { message = "" } }) {
      const asked = { userId: c.identity.userId, conversationId, message };
      const { request } = await logic.requestJoin(asked, callerOptions(c, deps));
      return created(joinRequestToJson(required(request)), "Requested");
    },

    async listJoinRequests(c, { params: { conversationId }, query: { page, size, status } }) {
      const wanted = (status ?? 0) as JoinRequestStatus;
      const request = { userId: c.identity.userId, conversationId, page, pageSize: size, status: wanted };
      const answer = await logic.listJoinRequests(request, callerOptions(c, deps));
      const requests = answer.requests.map(joinRequestToJson);
      return ok({ requests, total: Number(answer.total), hasMore: answer.hasMore });
    },

    async handleJoinRequest(c, { params: { conversationId, joinRequestId: requestId }, body }) {
      const action = body.action === "accept" ? JoinRequestAction.ACCEPT : JoinRequestAction.REJECT;
      const key = { conversationId, requestId, clientMsgId: changeIdOf(body) };
      const fields = { userId: c.identity.userId, ...key, action };
      const { request } = await logic.handleJoinRequest(fields, callerOptions(c, deps));
      return ok(joinRequestToJson(required(request)), "Handled");
    },
  };
}

function joinRequestToJson(request: JoinRequest) {
  const { id: requestId, conversationId: group, userId, status, message, handledBy } = request;
  const fields = { id: requestId, conversationId: group, userId, status, createdAt: Number(request.createdAt) };
  return { ...fields, ...(message === "" ? {} : { message }), ...(handledBy === "" ? {} : { handledBy }) };
}
