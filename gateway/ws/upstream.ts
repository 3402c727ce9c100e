import type { Logger } from "#infra/clog/clog.ts";
import { type Headers, type Mq, MqFullError, outRecord } from "#infra/mq/mq.ts";
import type { SendMessageData } from "#proto/frames.ts";
import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import { topics } from "#proto/topics.ts";
import { createBatcher } from "../batcher.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Session } from "./session.ts";

/** Records per produce (spec 50 §6). */
const batchMax = 500;

/** The way of sends from the sockets into the log, keyed by conversation. All that one turn brings is one produce, one
 *  is in flight. */
export interface Upstream {
  /** Takes a checked send. False: too many sends wait for the log; nothing was handed on. */
  send(
    session: Session,
    send: SendMessageData & { readonly clientMsgId: string },
    traceId: string,
    /** Context of a sampled trace. */
    traceparent?: string,
  ): boolean;
  readonly waiting: number;
  idle(): Promise<void>;
}

export interface UpstreamDeps {
  readonly mq: Mq;
  readonly clog: Logger;
  readonly clock: () => number;
  readonly metrics: GatewayMetrics;
  /** The log did not take the send; the client is to be told SERVICE_UNAVAILABLE. */
  readonly refused: (session: Session, clientMsgId: string) => void;
}

export interface UpstreamOptions {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
}

interface Waiting {
  readonly session: Session;
  readonly message: UpstreamMessage;
  readonly traceparent: string | undefined;
}

export function createUpstream(options: UpstreamOptions, deps: UpstreamDeps): Upstream {
  const { gatewayId, incarnation, waitingMax, waitingBytesMax } = options;
  const { mq, clog, clock, metrics, refused } = deps;
  const topic = topics.upstream;

  const batcher = createBatcher<Waiting>({
    batchMax,
    waitingMax,
    waitingBytesMax,
    flush: (batch) =>
      mq.send(
        batch.map(({ message, traceparent }) =>
          outRecord(topic, message.conversationId, message, headersOf(message.traceId, traceparent)),
        ),
      ),
    failed(error, batch) {
      const full = error instanceof MqFullError;
      if (!full)
        clog.error("sends did not reach the log", {
          count: batch.length,
          trace_id: batch[0]?.message.traceId,
          err: error,
        });
      metrics.sendFailures.inc({ reason: full ? "entrance_full" : "log_unavailable" }, batch.length);
      for (const { session, message } of batch) refused(session, message.clientMsgId);
    },
  });
  metrics.upstreamWaiting.watch(() => batcher.waiting + mq.waiting(topic).records);

  return {
    send(session, send, traceId, traceparent) {
      const { conversationId, content, messageType, clientMsgId, extra, replyToMessageId, mentions } = send;
      const waiting = mq.waiting(topic);
      // A literal: it is made for every send, and `create` costs more than all the rest here.
      const message: UpstreamMessage = {
        $typeName: "gochat.mq.v1.UpstreamMessage",
        conversationId,
        content,
        messageType,
        clientMsgId,
        extra: extra ?? "",
        traceId,
        userId: session.userKey,
        sessionId: session.id,
        gatewayId,
        incarnation,
        deviceId: session.device.deviceId,
        replyToMessageId: replyToMessageId === undefined ? 0n : BigInt(replyToMessageId),
        mentions: mentions.length === 0 ? [] : mentions.map(BigInt),
        receivedAtMs: BigInt(clock()),
      };
      const bytes = topic.codec.sizeOf(message);
      const full =
        batcher.waiting + waiting.records >= waitingMax ||
        batcher.waitingBytes + waiting.bytes + bytes > waitingBytesMax;
      if (full || !batcher.push({ session, message, traceparent }, bytes)) {
        metrics.sendFailures.inc({ reason: "entrance_full" });
        return false;
      }
      return true;
    },
    get waiting() {
      return batcher.waiting;
    },
    idle: () => batcher.idle(),
  };
}

function headersOf(traceId: string, traceparent: string | undefined): Headers {
  return traceparent === undefined ? { "X-Trace-ID": traceId } : { "X-Trace-ID": traceId, traceparent };
}
