import { z } from "zod";
import { AppError } from "#proto/errors.ts";
import type { SendMessageData } from "#proto/frames.ts";
import {
  CLIENT_MSG_ID_CHARS_MAX,
  CONTENT_CHARS_MAX,
  EXTRA_BYTES_MAX,
  isConversationId,
  MENTIONS_MAX,
} from "#proto/limits.ts";
import { history as historyPage, message } from "#proto/schemas/objects.ts";
import type { ApiDeps } from "./context.ts";
import { aliased, type Endpoint, type Endpoints, endpoint, ok } from "./endpoint.ts";
import type { Guard } from "./guard.ts";
import { history, historyQuery } from "./history.ts";
import type { Handlers } from "./mount.ts";
import { sendMessage } from "./send.ts";

const idPattern = "^[1-9][0-9]{0,18}$";

/** Types only: what a send may contain is one function for every entrance (`sendFault`), which has codes of its own. The
 *  documents tell the limits. */
const sendFields = {
  messageType: z
    .number()
    .meta({ type: "integer", enum: [1, 2, 3, 5, 6] })
    .describe("1 text, 2 image, 3 file, 5 voice, 6 video")
    .optional(),
  content: z.string().meta({ minLength: 1, maxLength: CONTENT_CHARS_MAX, pattern: "\\S" }).optional(),
  client_msg_id: z
    .string()
    .meta({ pattern: `^[ -~]{1,${CLIENT_MSG_ID_CHARS_MAX}}$` })
    .describe("Makes the send repeatable: the same id is stored once")
    .optional(),
  extra: z.string().meta({ maxLength: EXTRA_BYTES_MAX, contentMediaType: "application/json" }).optional(),
  replyToMessageId: z.string().meta({ pattern: idPattern }).optional(),
  mentions: z
    .array(z.string().meta({ pattern: idPattern }))
    .meta({ maxItems: MENTIONS_MAX })
    .optional(),
};
const sendAliases = { clientMsgId: "client_msg_id", message_type: "messageType", conversation_id: "conversationId" };

const send = {
  method: "post",
  auth: "user",
  invalid: "INVALID_MESSAGE_FORMAT",
  answers: { 200: message, 201: message },
  errors: [
    ...(["MESSAGE_EMPTY", "MESSAGE_TOO_LONG", "UNSUPPORTED_MESSAGE_TYPE", "INVALID_MESSAGE_FORMAT"] as const),
    ...(["NOT_CONVERSATION_MEMBER", "USER_MUTED", "BLOCKED_BY_USER", "FILE_NOT_FOUND"] as const),
    ...(["IDEMPOTENCY_CONFLICT", "CONVERSATION_DISSOLVED", "CONTENT_REJECTED"] as const),
  ],
} as const satisfies Partial<Endpoint>;

/** `/messages` (spec 10 §7) and the messages of a conversation (§5). */
export const messageEndpoints = {
  listMessages: endpoint({
    method: "get",
    path: "/conversations/{conversationId}/messages",
    summary: "History of a conversation",
    description: "Without `cursor` and `after_seq`: the newest rows.",
    auth: "user",
    query: historyQuery,
    answers: { 200: historyPage },
    errors: ["NOT_CONVERSATION_MEMBER"],
  }),
  sendMessage: endpoint({
    ...send,
    path: "/conversations/{conversationId}/messages",
    summary: "Send a message",
    description: "Answered after the commit. 200: this `client_msg_id` was stored before.",
    body: aliased(z.object(sendFields).meta({ required: ["messageType", "content"] }), sendAliases),
  }),
  sendMessageTo: endpoint({
    ...send,
    path: "/messages",
    summary: "The same, with the conversation in the body",
    body: aliased(
      z
        .object({ ...sendFields, conversationId: z.string().meta({ pattern: "^[A-Za-z0-9_-]{1,64}$" }) })
        .meta({ required: ["conversationId", "messageType", "content"] }),
      sendAliases,
    ),
    errors: [...send.errors, "CONVERSATION_NOT_FOUND"],
  }),
} satisfies Endpoints;

export function messageHandlers(deps: ApiDeps, { entrance }: Guard): Handlers<typeof messageEndpoints> {
  return {
    listMessages: async (c, { params, query }) => ok(await history(c, deps, params.conversationId, query)),
    sendMessage: (c, { params, body }) => sendMessage(c, deps, entrance, sendData(params.conversationId, body)),

    async sendMessageTo(c, { body }) {
      const { conversationId } = body;
      if (!isConversationId(conversationId)) throw new AppError("CONVERSATION_NOT_FOUND");
      return await sendMessage(c, deps, entrance, sendData(conversationId, body));
    },
  };
}

type SendBody = z.output<z.ZodObject<typeof sendFields>>;

function sendData(conversationId: string, body: SendBody): SendMessageData {
  return {
    conversationId,
    content: body.content ?? "",
    // Missing: 0 is no type that may be sent.
    messageType: body.messageType ?? 0,
    clientMsgId: body.client_msg_id,
    extra: body.extra,
    replyToMessageId: body.replyToMessageId,
    mentions: body.mentions ?? [],
  };
}
