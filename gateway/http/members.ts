import { z } from "zod";
import type { ConversationMemberRole } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { count } from "#proto/schemas/fields.ts";
import { conversationMember } from "#proto/schemas/objects.ts";
import { type ApiDeps, callerOptions } from "./context.ts";
import { aliased, type Endpoints, endpoint, ok } from "./endpoint.ts";
import type { Handlers } from "./mount.ts";
import { memberToJson } from "./objects.ts";
import { pageAliases, pageFields, wholeNumber } from "./validate.ts";

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
} satisfies Endpoints;

export function memberHandlers(deps: ApiDeps): Handlers<typeof memberEndpoints> {
  const { conversation } = deps.logic;

  return {
    async listMembers(c, { params: { conversationId }, query: { page, size, role } }) {
      const { userId } = c.get("identity");
      const roleFilter = (role ?? 0) as ConversationMemberRole;
      const answer = await conversation.getMembers(
        { userId, conversationId, page, pageSize: size, roleFilter },
        callerOptions(c, deps),
      );
      const members = answer.members.map((member) => memberToJson(member, conversationId));
      return ok({ members, hasMore: answer.hasMore, total: Number(answer.total) });
    },
  };
}
