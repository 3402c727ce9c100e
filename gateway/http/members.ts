import { z } from "zod";
import type { ConversationMemberRole } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { MEMBERS_CHANGE_MAX, MUTE_SECONDS_MAX, REASON_CHARS_MAX } from "#proto/limits.ts";
import { count, id, text } from "#proto/schemas/fields.ts";
import { conversationMember } from "#proto/schemas/objects.ts";
import { type ApiDeps, callerOptions } from "./context.ts";
import { aliased, created, done, type Endpoints, endpoint, ok } from "./endpoint.ts";
import { changeAliases, changeIdOf, changeKey } from "./message-changes.ts";
import type { Handlers } from "./mount.ts";
import { memberToJson, required } from "./objects.ts";
import { pageAliases, pageFields, wholeNumber } from "./validate.ts";

const key = aliased(z.object(changeKey), changeAliases);
/** What every change of members may answer. */
export const memberErrors = [
  ...(["NOT_CONVERSATION_MEMBER", "INSUFFICIENT_PERMISSION", "OPERATION_NOT_SUPPORTED"] as const),
  ...(["CONVERSATION_DISSOLVED", "IDEMPOTENCY_CONFLICT"] as const),
] as const;
/** The target's membership, in the path. */
const ofTarget = { errors: memberErrors, notFound: ["NOT_CONVERSATION_MEMBER"] } as const;

/** `/conversations/{conversationId}/members` (spec 10 §6). */
export const memberEndpoints = {
  listMembers: endpoint({
    method: "get",
    path: "/conversations/{conversationId}/members",
    summary: "Members of a conversation",
    auth: "user",
    query: aliased(z.object({ ...pageFields, role: wholeNumber(1, 3).optional() }), pageAliases),
    answers: {
      200: z.object({ members: z.array(conversationMember), hasMore: z.boolean(), total: count }),
    },
    errors: ["NOT_CONVERSATION_MEMBER", "OPERATION_NOT_SUPPORTED"],
  }),
  addMembers: endpoint({
    method: "post",
    path: "/conversations/{conversationId}/members",
    summary: "Add people to a group",
    description:
      "Admins, and any member where the group's `invite_enabled` is set. Who cannot be added is in `failed`.",
    auth: "user",
    body: aliased(z.object({ ...changeKey, members: z.array(id).min(1).max(MEMBERS_CHANGE_MAX) }), changeAliases),
    answers: {
      201: z.object({ added: z.array(id), failed: z.array(z.object({ userId: id, code: z.string() })) }),
    },
    errors: [...memberErrors, "CONVERSATION_FULL"],
  }),
  removeMember: endpoint({
    method: "delete",
    path: "/conversations/{conversationId}/members/{memberId}",
    summary: "Remove somebody from a group",
    description: "Admins, those below them. Who goes himself leaves.",
    auth: "user",
    query: aliased(z.object({ ...changeKey, reason: text(REASON_CHARS_MAX).optional() }), changeAliases),
    answers: { 200: null },
    ...ofTarget,
  }),
  setRole: endpoint({
    method: "put",
    path: "/conversations/{conversationId}/members/{memberId}",
    summary: "Give a member another role",
    description: "The owner's. 3 hands the group over: the caller becomes an admin.",
    auth: "user",
    body: aliased(
      z.object({ ...changeKey, role: z.int().min(1).max(3).describe("1 member, 2 admin, 3 owner") }),
      changeAliases,
    ),
    answers: { 200: null },
    ...ofTarget,
  }),
  muteMember: endpoint({
    method: "put",
    path: "/conversations/{conversationId}/members/{memberId}/mute",
    summary: "Mute a member, or let him speak again",
    auth: "user",
    body: aliased(
      z.object({
        ...changeKey,
        muted: z.boolean(),
        durationSeconds: z.int().min(0).max(MUTE_SECONDS_MAX).describe("0, the default: until it is lifted").optional(),
      }),
      changeAliases,
    ),
    answers: { 200: conversationMember },
    ...ofTarget,
  }),
  muteAll: endpoint({
    method: "put",
    path: "/conversations/{conversationId}/mute-all",
    summary: "Let only admins speak, or everybody again",
    auth: "user",
    body: aliased(z.object({ ...changeKey, enabled: z.boolean() }), changeAliases),
    answers: { 200: null },
    errors: memberErrors,
  }),
  leaveConversation: endpoint({
    method: "post",
    path: "/conversations/{conversationId}/leave",
    summary: "Leave a group",
    description: "Its owner hands it over first.",
    auth: "user",
    body: key,
    answers: { 200: null },
    errors: ["NOT_CONVERSATION_MEMBER", "CANNOT_LEAVE_CONVERSATION", "IDEMPOTENCY_CONFLICT"],
  }),
} satisfies Endpoints;

export function memberHandlers(deps: ApiDeps): Handlers<typeof memberEndpoints> {
  const { conversation } = deps.logic;

  return {
    async listMembers(c, { params: { conversationId }, query: { page, size, role } }) {
      const { userId } = c.identity;
      const roleFilter = (role ?? 0) as ConversationMemberRole;
      const answer = await conversation.getMembers(
        { userId, conversationId, page, pageSize: size, roleFilter },
        callerOptions(c, deps),
      );
      const members = answer.members.map((member) => memberToJson(member, conversationId));
      return ok({ members, hasMore: answer.hasMore, total: Number(answer.total) });
    },

    async addMembers(c, { params: { conversationId }, body }) {
      const who = { operatorId: c.identity.userId, conversationId, clientMsgId: changeIdOf(body) };
      const answer = await conversation.addMembers({ ...who, userIds: body.members }, callerOptions(c, deps));
      const failed = answer.failedUsers.map(({ userId, errorCode }) => ({ userId, code: errorCode }));
      return created({ added: answer.addedUserIds, failed }, "Added");
    },

    async removeMember(c, { params: { conversationId, memberId }, query }) {
      const who = { operatorId: c.identity.userId, conversationId, clientMsgId: changeIdOf(query) };
      const request = { ...who, userIds: [memberId], reason: query.reason ?? "" };
      await conversation.removeMembers(request, callerOptions(c, deps));
      return done("Removed");
    },

    async setRole(c, { params: { conversationId, memberId }, body }) {
      const who = { operatorId: c.identity.userId, conversationId, clientMsgId: changeIdOf(body) };
      const request = { ...who, targetUserId: memberId, newRole: body.role as ConversationMemberRole };
      await conversation.updateMemberRole(request, callerOptions(c, deps));
      return done("Changed");
    },

    async muteMember(c, { params: { conversationId, memberId }, body }) {
      const { muted, durationSeconds = 0 } = body;
      const who = { operatorId: c.identity.userId, conversationId, clientMsgId: changeIdOf(body) };
      const request = { ...who, targetUserId: memberId, muted, durationSeconds: BigInt(durationSeconds) };
      const { member } = await conversation.muteMember(request, callerOptions(c, deps));
      return ok(memberToJson(required(member), conversationId));
    },

    async muteAll(c, { params: { conversationId }, body }) {
      const who = { operatorId: c.identity.userId, conversationId, clientMsgId: changeIdOf(body) };
      await conversation.setMuteAll({ ...who, enabled: body.enabled }, callerOptions(c, deps));
      return done("Changed");
    },

    async leaveConversation(c, { params: { conversationId }, body }) {
      const request = { userId: c.identity.userId, conversationId, clientMsgId: changeIdOf(body) };
      await conversation.leaveConversation(request, callerOptions(c, deps));
      return done("Left");
    },
  };
}
