import { z } from "zod";
import type { Pin } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { messageToJson } from "#proto/message-json.ts";
import { id, seconds, seq } from "#proto/schemas/fields.ts";
import { message } from "#proto/schemas/objects.ts";
import { type ApiDeps, callerOptions } from "./context.ts";
import { aliased, type Endpoints, endpoint, ok } from "./endpoint.ts";
import { changeAliases, changeIdOf, changeKey } from "./message-changes.ts";
import type { Handlers } from "./mount.ts";

const pin = z.object({
  messageId: id,
  seqId: seq,
  pinnedBy: id,
  createdAt: seconds,
  message: message.describe("In the list only").exactOptional(),
});
const pins = z.object({ pins: z.array(pin).describe("Newest first, at most 20") });
const key = aliased(z.object(changeKey), changeAliases);
const errors = [
  ...(["NOT_CONVERSATION_MEMBER", "INSUFFICIENT_PERMISSION", "IDEMPOTENCY_CONFLICT"] as const),
  ...(["CONVERSATION_DISSOLVED", "BLOCKED_BY_USER"] as const),
];

/** Pinned messages (spec 10 §7). */
export const pinEndpoints = {
  pinMessage: endpoint({
    method: "put",
    path: "/messages/{messageId}/pin",
    summary: "Pin a message",
    description: "In a group for admins, in a single conversation for both sides.",
    auth: "user",
    body: key,
    answers: { 200: pins },
    errors: [...errors, "MESSAGE_RECALLED", "PIN_LIMIT"],
  }),
  unpinMessage: endpoint({
    method: "delete",
    path: "/messages/{messageId}/pin",
    summary: "Unpin a message",
    auth: "user",
    query: key,
    answers: { 200: pins },
    errors,
  }),
  listPins: endpoint({
    method: "get",
    path: "/conversations/{conversationId}/pins",
    summary: "Pinned messages of a conversation",
    auth: "user",
    answers: { 200: pins },
    errors: ["NOT_CONVERSATION_MEMBER"],
  }),
} satisfies Endpoints;

export function pinHandlers(deps: ApiDeps): Handlers<typeof pinEndpoints> {
  const { conversation } = deps.logic;
  return {
    async pinMessage(c, { params: { messageId }, body }) {
      const request = { operatorId: c.identity.userId, messageId, clientMsgId: changeIdOf(body) };
      const answer = await conversation.pinMessage(request, callerOptions(c, deps));
      return ok({ pins: answer.pins.map(pinToJson) }, "Pinned");
    },

    async unpinMessage(c, { params: { messageId }, query }) {
      const request = { operatorId: c.identity.userId, messageId, clientMsgId: changeIdOf(query) };
      const answer = await conversation.unpinMessage(request, callerOptions(c, deps));
      return ok({ pins: answer.pins.map(pinToJson) }, "Unpinned");
    },

    async listPins(c, { params: { conversationId } }) {
      const request = { operatorId: c.identity.userId, conversationId };
      const answer = await conversation.listPins(request, callerOptions(c, deps));
      return ok({ pins: answer.pins.map(pinToJson) });
    },
  };
}

function pinToJson({ messageId, seqId, pinnedBy, createdAt, message: row }: Pin) {
  const json = { messageId, seqId: Number(seqId), pinnedBy, createdAt: Number(createdAt) };
  return row === undefined ? json : { ...json, message: messageToJson(row) };
}
