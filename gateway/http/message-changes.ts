import { z } from "zod";
import { contentFault } from "#proto/client-frame.ts";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import {
  CLIENT_MSG_ID_CHARS_MAX,
  CONTENT_CHARS_MAX,
  FORWARD_TARGETS_MAX,
  isClientMsgId,
  REASON_CHARS_MAX,
} from "#proto/limits.ts";
import { messageToJson } from "#proto/message-json.ts";
import type { MessageJson } from "#proto/objects.ts";
import { conversationId, text } from "#proto/schemas/fields.ts";
import { message } from "#proto/schemas/objects.ts";
import { type ApiCall, type ApiDeps, callerOptions } from "./context.ts";
import { aliased, created, type Endpoint, type Endpoints, endpoint, ok } from "./endpoint.ts";
import type { Guard } from "./guard.ts";
import type { Handlers } from "./mount.ts";
import { changeRules, sendRules } from "./send.ts";

const clientMsgId = z
  .string()
  .refine(isClientMsgId, `is not 1 to ${CLIENT_MSG_ID_CHARS_MAX} printable ASCII characters`)
  .meta({ pattern: `^[ -~]{1,${CLIENT_MSG_ID_CHARS_MAX}}$` })
  .describe("Makes the change repeatable: the same id is stored once")
  .optional();
/** The fields of a change, in the body, or in the query of a DELETE. */
export const changeKey = { client_msg_id: clientMsgId };
export const changeAliases = { clientMsgId: "client_msg_id" };
const keyOnly = aliased(z.object(changeKey), changeAliases);
const recallFields = aliased(z.object({ ...changeKey, reason: text(REASON_CHARS_MAX).optional() }), changeAliases);

const member = { auth: "user", answers: { 200: message } } as const satisfies Partial<Endpoint>;
const changeErrors = [
  ...(["NOT_CONVERSATION_MEMBER", "MESSAGE_RECALLED", "IDEMPOTENCY_CONFLICT", "CONVERSATION_DISSOLVED"] as const),
];
const recallErrors = [...changeErrors, "INSUFFICIENT_PERMISSION", "RECALL_TIME_EXCEEDED"] as const;
const reactErrors = [...changeErrors, "BLOCKED_BY_USER"] as const;

const failedTarget = z.object({ conversationId: z.string(), code: z.string() });

/** Single messages and their changes (spec 10 §7). */
export const messageChangeEndpoints = {
  getMessage: endpoint({ ...member, method: "get", path: "/messages/{messageId}", summary: "One message" }),
  recallMessage: endpoint({
    ...member,
    method: "post",
    path: "/messages/{messageId}/recall",
    summary: "Recall a message",
    description:
      "Its sender within the recall window, or in a group who stands above the sender. Answers the tombstone; repeating it too.",
    body: recallFields,
    errors: recallErrors,
  }),
  deleteMessage: endpoint({
    ...member,
    method: "delete",
    path: "/messages/{messageId}",
    summary: "The same as recall",
    query: recallFields,
    errors: recallErrors,
  }),
  editMessage: endpoint({
    ...member,
    method: "put",
    path: "/messages/{messageId}",
    summary: "Put another text in the place of a message's",
    description: "Its sender, within the recall window; text messages only.",
    body: aliased(
      z
        .object({
          ...changeKey,
          content: z.string().meta({ minLength: 1, maxLength: CONTENT_CHARS_MAX, pattern: "\\S" }).optional(),
        })
        .meta({ required: ["content"] }),
      changeAliases,
    ),
    errors: [
      ...recallErrors,
      ...(["MESSAGE_EMPTY", "MESSAGE_TOO_LONG", "INVALID_MESSAGE_FORMAT", "UNSUPPORTED_MESSAGE_TYPE"] as const),
      ...(["CONTENT_REJECTED", "USER_MUTED", "BLOCKED_BY_USER"] as const),
    ],
  }),
  forwardMessage: endpoint({
    method: "post",
    path: "/messages/{messageId}/forward",
    summary: "Send a message to other conversations",
    description:
      "Each target gets a message under `client_msg_id` with the suffix `:n`; what a target refuses is in `failed`.",
    auth: "user",
    body: aliased(
      z.object({
        ...changeKey,
        conversationIds: z
          .array(conversationId)
          .min(1)
          .max(FORWARD_TARGETS_MAX)
          .refine((ids) => new Set(ids).size === ids.length, "has an id twice")
          .meta({ uniqueItems: true }),
      }),
      changeAliases,
    ),
    answers: { 201: z.object({ messages: z.array(message), failed: z.array(failedTarget) }) },
    errors: ["MESSAGE_RECALLED"],
  }),
  addReaction: endpoint({
    ...member,
    method: "put",
    path: "/messages/{messageId}/reactions/{emoji}",
    summary: "React to a message",
    description: "Repeating changes nothing. At most 20 different emojis per message.",
    body: keyOnly,
    errors: [...reactErrors, "REACTION_LIMIT"],
  }),
  removeReaction: endpoint({
    ...member,
    method: "delete",
    path: "/messages/{messageId}/reactions/{emoji}",
    summary: "Take a reaction back",
    query: keyOnly,
    errors: reactErrors,
  }),
} satisfies Endpoints;

/** The gateway fills in a missing id: such a change cannot be repeated safely. */
export function changeIdOf(fields: { readonly client_msg_id?: string | undefined }): string {
  return fields.client_msg_id ?? Bun.randomUUIDv7();
}

export function messageChangeHandlers(deps: ApiDeps, { entrance }: Guard): Handlers<typeof messageChangeEndpoints> {
  const logic = deps.logic.message;
  const operatorOf = (c: ApiCall): string => c.identity.userId;
  const limited = async (c: ApiCall): Promise<void> => {
    const { userId, isGuest } = c.identity;
    await entrance.pass(changeRules(userId, isGuest));
  };

  type Recall = { readonly client_msg_id?: string | undefined; readonly reason?: string | undefined };
  async function recall(c: ApiCall, messageId: string, fields: Recall): Promise<MessageJson> {
    const request = {
      operatorId: operatorOf(c),
      messageId,
      reason: fields.reason ?? "",
      clientMsgId: changeIdOf(fields),
    };
    return shown((await logic.recallMessage(request, callerOptions(c, deps))).message);
  }

  return {
    async getMessage(c, { params: { messageId } }) {
      const answer = await logic.getMessage({ userId: operatorOf(c), messageId }, callerOptions(c, deps));
      return ok(shown(answer.message));
    },
    recallMessage: async (c, { params, body }) => ok(await recall(c, params.messageId, body), "Recalled"),
    deleteMessage: async (c, { params, query }) => ok(await recall(c, params.messageId, query), "Recalled"),

    async editMessage(c, { params: { messageId }, body }) {
      const { content = "" } = body;
      const fault = contentFault(content);
      if (fault !== undefined) throw new AppError(fault, { details: { fields: ["content"] } });
      await limited(c);
      const request = { operatorId: operatorOf(c), messageId, content, clientMsgId: changeIdOf(body) };
      return ok(shown((await logic.editMessage(request, callerOptions(c, deps))).message), "Edited");
    },

    async forwardMessage(c, { params: { messageId }, body }) {
      const { userId, isGuest } = c.identity;
      const targetConversationIds = body.conversationIds;
      for (const target of targetConversationIds) await entrance.pass(sendRules(userId, isGuest, target));
      const request = { userId, messageId, targetConversationIds, clientMsgId: changeIdOf(body) };
      const answer = await logic.forwardMessage(request, callerOptions(c, deps));
      const failed = answer.failed.map((one) => ({ conversationId: one.conversationId, code: one.errorCode }));
      return created({ messages: answer.messages.map(messageToJson), failed }, "Forwarded");
    },

    async addReaction(c, { params: { messageId, emoji }, body }) {
      await limited(c);
      const request = { operatorId: operatorOf(c), messageId, emoji, clientMsgId: changeIdOf(body) };
      return ok(shown((await logic.addReaction(request, callerOptions(c, deps))).message));
    },

    async removeReaction(c, { params: { messageId, emoji }, query }) {
      await limited(c);
      const request = { operatorId: operatorOf(c), messageId, emoji, clientMsgId: changeIdOf(query) };
      return ok(shown((await logic.removeReaction(request, callerOptions(c, deps))).message));
    },
  };
}

function shown(message: Message | undefined): MessageJson {
  if (message === undefined) throw new AppError("INTERNAL_ERROR");
  return messageToJson(message);
}
