import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { callParent } from "#infra/trace/rpc.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import { conversationTypeOf, conversationTypes } from "#proto/conversation-ids.ts";
import { AppError } from "#proto/errors.ts";
import type { MessageService, SendMessageRequest } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { type UpstreamMessage, UpstreamMessageSchema } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import { isClientMsgId, isId } from "#proto/limits.ts";
import type { Calls } from "../calls.ts";
import type { LogicContext } from "../deps.ts";
import { checkForward, forward } from "../message/forward.ts";
import { visibleMessage } from "../message/visible.ts";
import { invalid, optionsOf, requireUserId, traceOf } from "./arguments.ts";

/** gochat.logic.v1.MessageService: `SendMessage` joins the batches that are committed together with everybody else's.
 *  What is not here yet answers `unimplemented`. */
export function messageService(
  context: Pick<LogicContext, "clock" | "tracer" | "metrics" | "repo">,
  calls: Calls,
): Partial<ServiceImpl<typeof MessageService>> {
  const seconds = context.metrics.histogram(
    "gochat_message_e2e_seconds",
    "From the taking of a send to its ack: ws on the gateway, api in logic",
    ["type", "entrance"],
  );
  const byType = conversationTypes.map((type) => seconds.with({ type, entrance: "api" }));
  return {
    async sendMessage(request, call) {
      const began = performance.now();
      const { row, duplicate } = await calls.send(
        sendOf(request, traceOf(call), context.clock()),
        callParent(context.tracer, call),
      );
      byType[conversationTypeOf(request.conversationId)]?.observe((performance.now() - began) / 1000);
      // A row that is new has no reactions; of an older one only a reading for its sender knows which are his.
      const { message = row } =
        row.reactions.length === 0
          ? { message: row }
          : await context.repo.message.getMessage({ messageId: row.id, viewerId: request.userId }, optionsOf(call));
      return { message, clientMsgId: request.clientMsgId, duplicate };
    },

    async getMessage({ userId, messageId }, call) {
      requireUserId(userId);
      return { message: await visibleMessage(context.repo, messageId, userId, optionsOf(call)) };
    },

    async forwardMessage(request, call) {
      const { userId, messageId, targetConversationIds: targets } = request;
      requireUserId(userId);
      if (request.clientMsgId !== "" && !isClientMsgId(request.clientMsgId)) throw invalid("client_msg_id");
      checkForward(targets, request.clientMsgId);
      const clientMsgId = request.clientMsgId === "" ? uuidv7() : request.clientMsgId;
      const rest = { traceId: traceOf(call), nowMs: context.clock(), parent: callParent(context.tracer, call) };
      return await forward(context.repo, calls, { userId, messageId, targets, clientMsgId, ...rest }, optionsOf(call));
    },
  };
}

function sendOf(request: SendMessageRequest, traceId: string, nowMs: number): UpstreamMessage {
  if (request.replyToMessageId !== "" && !isId(request.replyToMessageId)) throw new AppError("INVALID_MESSAGE_FORMAT");
  if (!request.mentions.every(isId)) throw new AppError("INVALID_MESSAGE_FORMAT");
  return create(UpstreamMessageSchema, {
    traceId,
    userId: requireUserId(request.userId),
    sessionId: request.sessionId,
    conversationId: request.conversationId,
    messageType: request.type,
    content: request.content,
    clientMsgId: request.clientMsgId,
    extra: request.extra,
    replyToMessageId: request.replyToMessageId === "" ? 0n : BigInt(request.replyToMessageId),
    mentions: request.mentions.map(BigInt),
    receivedAtMs: BigInt(nowMs),
  });
}
