import { create } from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";
import { AppError, isAppError } from "#proto/errors.ts";
import { type Message, MessageKind } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { type ForwardFailure, ForwardFailureSchema } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { type UpstreamMessage, UpstreamMessageSchema } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import { CLIENT_MSG_ID_CHARS_MAX, FORWARD_TARGETS_MAX, isConversationId } from "#proto/limits.ts";
import type { Calls } from "../calls.ts";
import type { RepoClients } from "../deps.ts";
import { invalid } from "../rpc/arguments.ts";
import { visibleMessage } from "./visible.ts";

export interface ForwardRequest {
  readonly userId: string;
  readonly messageId: string;
  /** 1 to 20, each once. */
  readonly targets: readonly string[];
  readonly clientMsgId: string;
  readonly traceId: string;
  readonly nowMs: number;
  readonly parent: string | undefined;
}

export interface Forwarded {
  readonly messages: Message[];
  /** In the order of the targets: what refused the others. */
  readonly failed: ForwardFailure[];
}

/** `:20`, so that every target's own id still fits. */
const suffixCharsMax = 3;

/** Throws INVALID_PARAMETER. */
export function checkForward(targets: readonly string[], clientMsgId: string): void {
  if (targets.length === 0 || targets.length > FORWARD_TARGETS_MAX) throw invalid("target_conversation_ids");
  if (new Set(targets).size !== targets.length) throw invalid("target_conversation_ids");
  if (clientMsgId.length > CLIENT_MSG_ID_CHARS_MAX - suffixCharsMax) throw invalid("client_msg_id");
}

/** Sends the text of a message to other conversations, each by the rules of a send and under its own `client_msg_id` with
 *  the suffix `:n`. A target that refuses does not hold up the others. Throws MESSAGE_NOT_FOUND, MESSAGE_RECALLED, and
 *  SERVICE_UNAVAILABLE when the outcome of a target is open: the call is repeated with the same id then. */
export async function forward(
  repo: RepoClients,
  calls: Calls,
  request: ForwardRequest,
  options: CallOptions,
): Promise<Forwarded> {
  const source = await visibleMessage(repo, request.messageId, request.userId, options);
  if (source.kind !== MessageKind.MESSAGE) throw new AppError("MESSAGE_NOT_FOUND");
  if (source.deleted) throw new AppError("MESSAGE_RECALLED");
  const sent = await Promise.all(request.targets.map((target, at) => sendTo(calls, request, source, target, at + 1)));
  const messages: Message[] = [];
  const failed: ForwardFailure[] = [];
  for (const one of sent) {
    if (one.$typeName === "gochat.common.v1.Message") messages.push(one);
    else failed.push(one);
  }
  return { messages, failed };
}

async function sendTo(
  calls: Calls,
  request: ForwardRequest,
  source: Message,
  conversationId: string,
  place: number,
): Promise<Message | ForwardFailure> {
  const failure = (errorCode: string): ForwardFailure => create(ForwardFailureSchema, { conversationId, errorCode });
  if (!isConversationId(conversationId)) return failure("CONVERSATION_NOT_FOUND");
  try {
    return (await calls.send(sendOf(request, source, conversationId, place), request.parent)).row;
  } catch (error) {
    if (!isAppError(error) || error.code === "SERVICE_UNAVAILABLE") throw error;
    return failure(error.code);
  }
}

function sendOf(request: ForwardRequest, source: Message, conversationId: string, place: number): UpstreamMessage {
  const { userId, traceId, nowMs, clientMsgId } = request;
  return create(UpstreamMessageSchema, {
    traceId,
    userId: BigInt(userId),
    conversationId,
    messageType: source.type,
    content: source.content,
    extra: source.extra,
    clientMsgId: `${clientMsgId}:${place}`,
    receivedAtMs: BigInt(nowMs),
    forwardedFrom: {
      messageId: source.id,
      conversationId: source.conversationId,
      senderId: source.sender?.id ?? "0",
    },
  });
}
