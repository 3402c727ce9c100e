import { sendFault } from "#proto/client-frame.ts";
import { AppError } from "#proto/errors.ts";
import type { SendMessageData } from "#proto/frames.ts";
import type { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson } from "#proto/message-json.ts";
import { type ApiContext, type ApiDeps, callerOptions } from "./context.ts";
import type { Entrance, EntranceRule } from "./limits.ts";
import { ok } from "./respond.ts";

/** Sends one message for the signed-in caller, by the same rules as the socket: 201 with the stored message after the
 *  commit, 200 for one that was stored before. */
export async function sendMessage(
  c: ApiContext,
  deps: ApiDeps,
  entrance: Entrance,
  conversationId: string,
  body: Readonly<Record<string, unknown>>,
): Promise<Response> {
  const data = sendData(conversationId, body);
  const fault = sendFault(data);
  if (fault !== undefined) throw new AppError(fault.code, { message: fault.message, details: fault.details });
  const { userId, sid, isGuest } = c.get("identity");
  await entrance.pass(sendRules(userId, isGuest, conversationId));
  const { message, duplicate } = await deps.logic.message.sendMessage(
    {
      userId,
      sessionId: sid,
      conversationId,
      content: data.content,
      type: data.messageType as MessageType,
      clientMsgId: data.clientMsgId ?? Bun.randomUUIDv7(),
      extra: data.extra ?? "",
      replyToMessageId: data.replyToMessageId ?? "",
      mentions: [...data.mentions],
    },
    callerOptions(c, deps),
  );
  if (message === undefined) throw new AppError("INTERNAL_ERROR");
  return ok(c, messageToJson(message), duplicate ? 200 : 201, duplicate ? "Stored before" : "Sent");
}

/** The rules of spec 60 §8 that a send passes, on every entrance. */
export function sendRules(userId: string, isGuest: boolean, conversationId: string): EntranceRule[] {
  const resource = `user:${userId}`;
  const rules: EntranceRule[] = [{ rule: isGuest ? "guest_send_message" : "user_send_message", resource }];
  if (conversationId === "world") rules.push({ rule: "world_send_message", resource });
  return rules;
}

/** The names of the fields are those of the frame; what is of a wrong type is told as such. */
function sendData(conversationId: string, body: Readonly<Record<string, unknown>>): SendMessageData {
  const messageType = body.messageType ?? body.message_type;
  const mentions = body.mentions ?? [];
  if (messageType !== undefined && typeof messageType !== "number") throw malformed("messageType");
  if (!isTexts(mentions)) throw malformed("mentions");
  return {
    conversationId,
    content: optionalText(body.content, "content") ?? "",
    // Missing: 0 is no type that may be sent.
    messageType: messageType ?? 0,
    clientMsgId: optionalText(body.client_msg_id ?? body.clientMsgId, "client_msg_id"),
    extra: optionalText(body.extra, "extra"),
    replyToMessageId: optionalText(body.replyToMessageId, "replyToMessageId"),
    mentions,
  };
}

function optionalText(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw malformed(field);
  return value;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function malformed(field: string): AppError {
  return new AppError("INVALID_MESSAGE_FORMAT", { details: { fields: [field] } });
}
