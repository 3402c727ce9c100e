import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import type { Span, Tracer } from "#infra/trace/trace.ts";
import { AppError } from "#proto/errors.ts";
import type { ClientFrame } from "#proto/frames.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { SyncMessagesResponse } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { encodeRow } from "#proto/row-frames-binary.ts";
import type { SyncedRows } from "#proto/server-frame-binary.ts";
import type { TokenVerifier } from "../auth/token-verifier.ts";
import { callOptions, type LogicClients } from "../clients.ts";
import { rateLimited } from "../http/limits.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Answers } from "./answers.ts";
import { createChangeFrames } from "./change-frames.ts";
import { closes } from "./close-codes.ts";
import type { FrameHandlers } from "./inbound.ts";
import type { RoomFlow } from "./room-flow.ts";
import type { Session } from "./session.ts";
import { rowText } from "./sync-frame.ts";
import type { Upstream } from "./upstream.ts";

type Frame<T extends ClientFrame["type"]> = Extract<ClientFrame, { type: T }>;

/** Conversations of one session whose read pointer is being moved at the same time. */
const readsMax = 100;

export interface FrameHandlerOptions {
  readonly backendMs: number;
  readonly syncBytesMax: number;
}

export interface FrameHandlerDeps {
  readonly logic: Pick<LogicClients, "conversation" | "message">;
  readonly upstream: Upstream;
  readonly flow: Pick<RoomFlow, "declared">;
  readonly verifier: TokenVerifier;
  readonly ratelimit: RateLimit;
  readonly answers: Answers;
  readonly metrics: GatewayMetrics;
  readonly tracer: Tracer;
  readonly clock: () => number;
}

/** The client frames of spec 20 §4 that this gateway serves. */
export function createFrameHandlers(options: FrameHandlerOptions, deps: FrameHandlerDeps): FrameHandlers {
  const { logic, upstream, flow, verifier, ratelimit, answers, metrics, tracer, clock } = deps;

  function sendMessage(session: Session, frame: Frame<"send-message">): Promise<void> | undefined {
    const traceId = Bun.randomUUIDv7();
    const span = tracer.startTrace("ws.receive", traceId, { kind: "server" });
    if (!ratelimit.enabled) {
      handOn(session, frame, traceId, span);
      return undefined;
    }
    return limitedSend(session, frame, traceId, span);
  }

  async function limitedSend(
    session: Session,
    frame: Frame<"send-message">,
    traceId: string,
    span: Span | undefined,
  ): Promise<void> {
    const { data } = frame;
    const rules = [session.isGuest ? "guest_send_message" : "user_send_message"];
    if (data.conversationId === "world") rules.push("world_send_message");
    try {
      await pass(session, rules);
    } catch (error) {
      span?.fail(error);
      span?.end();
      throw error;
    }
    handOn(session, frame, traceId, span);
  }

  async function pass(session: Session, rules: readonly string[]): Promise<void> {
    if (!ratelimit.enabled) return;
    for (const rule of rules) {
      const verdict = await ratelimit.allow(`user:${session.userId}`, rule);
      if (!verdict.allowed) throw rateLimited(verdict);
    }
  }

  function handOn(
    session: Session,
    { data, id }: Frame<"send-message">,
    traceId: string,
    span: Span | undefined,
  ): void {
    const clientMsgId = data.clientMsgId ?? Bun.randomUUIDv7();
    const taken = upstream.send(session, { ...data, clientMsgId }, traceId, span?.traceparent);
    const error = taken ? undefined : new AppError("SERVICE_UNAVAILABLE");
    if (span !== undefined) {
      span.set({ conversation_id: data.conversationId, session_id: session.id });
      if (error !== undefined) span.fail(error);
      span.end();
    }
    if (error !== undefined) throw error;
    if (id !== undefined) session.keepAckId(clientMsgId, id);
  }

  function callFor(session: Session): ReturnType<typeof callOptions> {
    const { userId, sid, isGuest, expiresAtS } = session;
    return callOptions(options.backendMs, Bun.randomUUIDv7(), { userId, sid, isGuest, expiresAtS });
  }

  /** Not awaited by later frames: reading does not hold up sending. */
  function markRead(session: Session, { data, id }: Frame<"mark-read">): void {
    const { conversationId, seqId } = data;
    const { reads } = session;
    if (reads.has(conversationId)) {
      reads.set(conversationId, Math.max(seqId, reads.get(conversationId) ?? 0));
      return;
    }
    if (reads.size >= readsMax) throw new AppError("RATE_LIMITED", { details: { retryAfterMs: 1000 } });
    reads.set(conversationId, undefined);
    moveRead(session, conversationId, seqId)
      .catch((error: unknown) => answers.error(session, error, id))
      .finally(() => reads.delete(conversationId));
  }

  async function moveRead(session: Session, conversationId: string, seqId: number): Promise<void> {
    for (let next: number | undefined = seqId; next !== undefined; ) {
      const seq: number = next;
      const { userId } = session;
      const request = { userId, conversationId, seqId: BigInt(seq) };
      const answer = await logic.conversation.markAsRead(request, callFor(session));
      const lastReadSeqId = Number(answer.lastReadSeqId);
      answers.send(session, "read-ack", { conversationId, lastReadSeqId, unreadCount: Number(answer.unreadCount) });
      next = session.reads.get(conversationId);
      session.reads.set(conversationId, undefined);
      if (next !== undefined && next <= seq) next = undefined;
    }
  }

  /** Not awaited by later frames: nothing depends on it. */
  function typing(session: Session, { type, data, id }: Frame<"typing" | "stop-typing">): void {
    const request = { userId: session.userId, conversationId: data.conversationId, typing: type === "typing" };
    logic.conversation
      .sendTyping(request, callFor(session))
      .catch((error: unknown) => answers.error(session, error, id));
  }

  /** Not awaited by later frames either: a long catch-up does not hold up sending. */
  function sync(session: Session, frame: Frame<"sync">): void {
    if (session.syncing) throw new AppError("RATE_LIMITED", { details: { retryAfterMs: 1000 } });
    session.syncing = true;
    const startedMs = clock();
    metrics.syncs.inc();
    answerSync(session, frame)
      .catch((error: unknown) => answers.error(session, error, frame.id))
      .finally(() => {
        session.syncing = false;
        metrics.syncSeconds.observe((clock() - startedMs) / 1000);
      });
  }

  async function answerSync(session: Session, { data, id }: Frame<"sync">): Promise<void> {
    const response = await logic.conversation.syncMessages(
      {
        userId: session.userId,
        items: data.conversations.map(({ id, afterSeq }) => ({ conversationId: id, afterSeqId: BigInt(afterSeq) })),
        limit: data.limit,
        maxBytes: options.syncBytesMax,
      },
      callFor(session),
    );
    const sizeOf = session.carrier === "binary" ? binarySize : jsonSize;
    answers.syncResult(session, syncResult(response, options.syncBytesMax, sizeOf), id);
  }

  async function refreshAuth(session: Session, { data, id }: Frame<"refresh-auth">): Promise<void> {
    try {
      const identity = await verifier.verify(data.token);
      if (identity.userId !== session.userId || identity.sid !== session.sid) throw new AppError("INVALID_TOKEN");
      session.expiresAtS = identity.expiresAtS;
      session.isGuest = identity.isGuest;
      answers.send(session, "auth-refreshed", { expiresIn: identity.expiresAtS }, id);
    } catch (error) {
      answers.error(session, error, id);
      session.close(closes.tokenExpired.code, closes.tokenExpired.reason);
    }
  }

  const changes = createChangeFrames({ logic, answers, pass, callFor });
  return {
    handle(session, frame) {
      switch (frame.type) {
        case "send-message":
          return sendMessage(session, frame);
        case "mark-read":
          markRead(session, frame);
          return undefined;
        case "ping":
          answers.send(session, "pong", { serverTimeMs: clock() }, frame.id);
          return undefined;
        case "sync":
          sync(session, frame);
          return undefined;
        case "presence":
          session.background = frame.data.state === "background";
          flow.declared(session);
          return undefined;
        case "refresh-auth":
          return refreshAuth(session, frame);
        case "recall-message":
          return changes.recall(session, frame);
        case "react":
          return changes.react(session, frame);
        case "typing":
        case "stop-typing":
          typing(session, frame);
          return undefined;
      }
    },
  };
}

/** Rows are left out from the end when the whole passes its bound; `hasMore` says so and the next `sync` goes on. */
export function syncResult(
  { results }: SyncMessagesResponse,
  bytesMax: number,
  /** Of a row in the subprotocol that it goes by. */
  sizeOf: (row: Message) => number,
): { conversations: SyncedRows[]; done: boolean } {
  // The envelope and the numbers of each conversation.
  let bytes = 256 + results.length * 256;
  const conversations = results.map((result): SyncedRows => {
    const messages: Message[] = [];
    let cut = false;
    for (const row of result.messages) {
      bytes += sizeOf(row);
      cut ||= bytes > bytesMax;
      if (cut) break;
      messages.push(row);
    }
    const last = Number(messages.at(-1)?.seqId ?? result.completeFrom - 1n);
    return {
      id: result.conversationId,
      messages,
      completeFrom: Number(result.completeFrom),
      completeTo: cut ? last : Number(result.completeTo),
      latestSeqId: Number(result.latestSeqId),
      hasMore: cut || result.hasMore,
      ...(result.errorCode === "" ? {} : { error: result.errorCode }),
    };
  });
  return { conversations, done: conversations.every(({ hasMore }) => !hasMore) };
}

function jsonSize(row: Message): number {
  return rowText(row).bytes + 1;
}

/** Tag and length of a row take at most 6 bytes. */
function binarySize(row: Message): number {
  return encodeRow(row).length + 6;
}
