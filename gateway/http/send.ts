import { sendFault } from "#proto/client-frame.ts";
import { AppError } from "#proto/errors.ts";
import type { SendMessageData } from "#proto/frames.ts";
import type { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson } from "#proto/message-json.ts";
import type { MessageJson } from "#proto/objects.ts";
import { type ApiCall, type ApiDeps, callerOptions } from "./context.ts";
import type { Entrance, EntranceRule } from "./limits.ts";

/** Sends one message for the signed-in caller, by the same rules as the socket: 201 with the stored message after the
 *  commit, 200 for one that was stored before. */
export async function sendMessage(
  c: ApiCall,
  deps: ApiDeps,
  entrance: Entrance,
  data: SendMessageData,
): Promise<{ status: 200 | 201; data: MessageJson; message: string }> {
  const { conversationId } = data;
  const fault = sendFault(data);
  if (fault !== undefined) throw new AppError(fault.code, { message: fault.message, details: fault.details });
  const { userId, sid, isGuest } = c.identity;
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
  const json = messageToJson(message);
  return duplicate
    ? { status: 200, data: json, message: "Stored before" }
    : { status: 201, data: json, message: "Sent" };
}

/** The rules that an edit and a reaction pass: what all members are pushed is limited as sends are. */
export function changeRules(userId: string, isGuest: boolean): EntranceRule[] {
  return [{ rule: isGuest ? "guest_send_message" : "user_send_message", resource: `user:${userId}` }];
}

/** The rules of spec 60 §8 that a send passes, on every entrance. */
export function sendRules(userId: string, isGuest: boolean, conversationId: string): EntranceRule[] {
  const resource = `user:${userId}`;
  const rules: EntranceRule[] = [{ rule: isGuest ? "guest_send_message" : "user_send_message", resource }];
  if (conversationId === "world") rules.push({ rule: "world_send_message", resource });
  return rules;
}
