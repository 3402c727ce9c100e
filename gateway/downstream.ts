import type { Logger } from "#infra/clog/clog.ts";
import type { Batch, Outcome } from "#infra/mq/mq.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { conversationTypeOf } from "#proto/conversation-ids.ts";
import { ERRORS, isErrorName } from "#proto/errors.ts";
import type { MessageAckData } from "#proto/frames.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import {
  type Ack,
  AckStatus,
  type DownstreamItem,
  type DownstreamRecord,
  type PushMessages,
  type Signal,
} from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import { encodeSignalBytes } from "#proto/server-frame-binary.ts";
import type { Controls } from "./control.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { sendSpans } from "./send-spans.ts";
import type { Hub } from "./ws/hub.ts";
import type { Membership } from "./ws/membership.ts";
import { aloneFrame, pushFrames } from "./ws/push-frames.ts";
import type { Session } from "./ws/session.ts";
import { encodeFor, type Wire } from "./ws/wire.ts";

/** Reads what is addressed to this gateway and writes it to its sockets, in one pass, without waiting. */
export interface Downstream {
  handle(batch: Batch<DownstreamRecord>): Promise<Outcome>;
}

export interface DownstreamDeps {
  readonly hub: Hub;
  readonly controls: Controls;
  readonly membership: Pick<Membership, "opened">;
  readonly metrics: GatewayMetrics;
  readonly tracer: Tracer;
  readonly clog: Logger;
  readonly clock: () => number;
}

export interface DownstreamOptions {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly frameOutMax: number;
}

export function createDownstream(options: DownstreamOptions, deps: DownstreamDeps): Downstream {
  const { hub, controls, metrics, tracer, clog, clock } = deps;

  /** What this turn writes, per session in order: several frames for one socket leave as one write. */
  const outbox = new Map<Session, Wire | Wire[]>();

  function write(session: Session, wire: Wire): void {
    const waiting = outbox.get(session);
    if (waiting === undefined) outbox.set(session, wire);
    else if (Array.isArray(waiting)) waiting.push(wire);
    else outbox.set(session, [waiting, wire]);
  }

  function flush(): void {
    for (const [session, wires] of outbox) {
      if (!Array.isArray(wires)) count(session.send(wires));
      else
        session.corked(() => {
          for (const wire of wires) count(session.send(wire));
        });
    }
    outbox.clear();
  }

  function count(taken: boolean): void {
    if (taken) metrics.framesOut.inc();
    else metrics.pushDropped.inc({ reason: "socket" });
  }

  function acknowledge(acks: readonly Ack[], nowS: number): void {
    const nowMs = clock();
    for (const ack of acks) {
      const session = hub.find(ack.sessionId);
      if (session === undefined) continue;
      if (ack.status === AckStatus.SUCCESS && ack.receivedAtMs !== 0n) {
        const seconds = Math.max(0, nowMs - Number(ack.receivedAtMs)) / 1000;
        metrics.e2eSeconds[conversationTypeOf(ack.conversationId)]?.observe(seconds);
      }
      const id = session.takeAckId(ack.clientMsgId);
      write(session, encodeFor(session.carrier, "message-ack", ackData(ack), nowS, id));
    }
  }

  /** Sessions of the listed users, at most one set per item; pushes are for sessions that are connected. */
  function sessionsOf(item: DownstreamItem): Session[] {
    const sessions: Session[] = [];
    if (item.target.case === "users") {
      for (const userId of item.target.value.userIds) {
        for (const session of hub.ofUser(userId)) if (session.state === "open") sessions.push(session);
      }
    } else if (item.target.case === "sessions") {
      for (const sessionId of item.target.value.sessionIds) {
        const session = hub.find(sessionId);
        if (session?.state === "open") sessions.push(session);
      }
    }
    return sessions;
  }

  function push(item: DownstreamItem, body: PushMessages, nowS: number): void {
    const sessions = sessionsOf(item);
    if (sessions.length === 0) return;
    const rows = body.rows.flatMap(({ message }) => message ?? []);
    // Before the row is sent: every later one goes by broadcast.
    if (rows.some(({ change }) => change.case === "roomMode" && change.value.room)) {
      deps.membership.opened(body.conversationId, membersSeqAfter(body.membersSeq, rows), sessions);
    }
    const origins = new Set<string>();
    for (const { originSessionId } of body.rows) if (originSessionId !== "") origins.add(originSessionId);
    const needed = { single: false, joined: false, binary: false };
    for (const session of sessions) if (!origins.has(session.id)) needed[session.carrier] = true;
    const segments = [{ missed: undefined, rows }];
    const frames = pushFrames(body.conversationId, segments, needed, { nowS, bytesMax: options.frameOutMax });
    for (const session of sessions) {
      if (origins.has(session.id)) pushExceptOwn(session, body, nowS);
      else for (const wire of frames[session.carrier]) write(session, wire);
    }
  }

  /** The sending session gets the rows of others; its own only as acks (spec 20 §2). */
  function pushExceptOwn(session: Session, body: PushMessages, nowS: number): void {
    for (const { message, originSessionId } of body.rows) {
      if (message === undefined || originSessionId === session.id) continue;
      write(session, aloneFrame(message, nowS, session.carrier === "binary"));
    }
  }

  function signal(item: DownstreamItem, body: Signal, nowS: number): void {
    if (body.expiresAtMs !== 0n && body.expiresAtMs < BigInt(clock())) return;
    const json = new TextDecoder().decode(body.payload);
    const text = `{"type":${JSON.stringify(body.signalType)},"data":${json},"timestamp":${nowS}}`;
    let bytes: Uint8Array | undefined;
    for (const session of sessionsOf(item)) {
      if (session.id === body.originSessionId) continue;
      if (session.carrier !== "binary") {
        write(session, text);
        continue;
      }
      bytes ??= encodeSignalBytes(body.signalType, json, nowS);
      if (bytes === undefined) clog.warn("a signal has no binary form", { type: body.signalType });
      else write(session, bytes);
    }
  }

  function deliver(item: DownstreamItem, nowS: number): void {
    switch (item.body.case) {
      case "push":
        push(item, item.body.value, nowS);
        break;
      case "acks":
        acknowledge(item.body.value.acks, nowS);
        break;
      case "signal":
        signal(item, item.body.value, nowS);
        break;
      case "control":
        controls.apply(item.body.value);
        break;
      default:
        clog.warn("downstream item of an unknown kind", { trace_id: item.traceId });
    }
  }

  /** A probe may come from the next life of this gateway's id; all else that is not ours is of an earlier one. */
  function foreign(record: DownstreamRecord): void {
    for (const { body } of record.items) {
      if (body.case === "control" && body.value.control.case === "probe") controls.apply(body.value);
    }
  }

  return {
    handle({ records }) {
      const nowS = Math.floor(clock() / 1000);
      const spans = sendSpans(tracer, options.gatewayId, records);
      for (const { value } of records) {
        if (value.incarnation !== options.incarnation) foreign(value);
        else for (const item of value.items) deliver(item, nowS);
      }
      flush();
      for (const span of spans) span.end();
      return Promise.resolve({ done: records.length });
    },
  };
}

function membersSeqAfter(before: bigint, rows: readonly Message[]): bigint {
  let after = before;
  for (const { change, seqId } of rows) {
    const members = change.case === "memberAdded" || change.case === "memberRemoved" || change.case === "memberLeft";
    if (members && seqId > after) after = seqId;
  }
  return after;
}

function ackData(ack: Ack): MessageAckData {
  if (ack.status !== AckStatus.SUCCESS) {
    const known = ERRORS[isErrorName(ack.errorCode) ? ack.errorCode : "INTERNAL_ERROR"];
    const data: MessageAckData = { client_msg_id: ack.clientMsgId, status: "failed", code: known.ws };
    if (ack.conversationId !== "") data.conversationId = ack.conversationId;
    data.message = ack.errorMessage === "" ? known.message : ack.errorMessage;
    return data;
  }
  const data: MessageAckData = {
    client_msg_id: ack.clientMsgId,
    messageId: String(ack.messageId),
    status: "success",
    seqId: Number(ack.seqId),
    conversationId: ack.conversationId,
    createdAt: Math.floor(Number(ack.createdAtMs) / 1000),
  };
  if (ack.duplicate) data.duplicate = true;
  return data;
}
