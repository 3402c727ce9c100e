import { create } from "@bufbuild/protobuf";
import type { Logger } from "#infra/clog/clog.ts";
import { type Mq, type OutRecord, outRecord } from "#infra/mq/mq.ts";
import { ControlSchema, type DownstreamRecord, DownstreamRecordSchema } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import { downstreamTopic } from "#proto/topics.ts";
import { createBatcher } from "./batcher.ts";
import { closes } from "./ws/close-codes.ts";

/** Evicted sessions per produce, and how many may wait while the log is away. */
const batchMax = 500;
const waitingMax = 10_000;

/** A session of another gateway whose place a session of this one took. */
export interface EvictedElsewhere {
  readonly sessionId: string;
  readonly gatewayId: string;
  readonly incarnation: string;
}

/** Tells other gateways which of their sockets were replaced (spec 20 §2). Best effort: the presence row is gone already,
 *  so a kick that is lost leaves a socket without pushes of single chats and groups until its heartbeat, which is refused:
 *  it is closed then. */
export interface Evictions {
  push(evicted: EvictedElsewhere): void;
  /** Resolves when every kick is in the log, or given up. */
  idle(): Promise<void>;
}

export function createEvictions({ mq, clog, clock }: { mq: Mq; clog: Logger; clock: () => number }): Evictions {
  const batcher = createBatcher<EvictedElsewhere>({
    batchMax,
    waitingMax,
    flush: (evicted) => mq.send(kicksOf(evicted, clock())),
    failed: (error, evicted) => clog.warn("sessions were not kicked elsewhere", { count: evicted.length, err: error }),
  });
  return {
    push(evicted) {
      if (!batcher.push(evicted)) clog.warn("session was not kicked elsewhere: too many wait", { ...idsOf(evicted) });
    },
    idle: () => batcher.idle(),
  };
}

function idsOf({ sessionId, gatewayId }: EvictedElsewhere): { session_id: string; gateway_id: string } {
  return { session_id: sessionId, gateway_id: gatewayId };
}

/** One record per life of a gateway. */
function kicksOf(evicted: readonly EvictedElsewhere[], nowMs: number): OutRecord[] {
  const byGateway = new Map<string, EvictedElsewhere[]>();
  for (const one of evicted) {
    const key = `${one.gatewayId} ${one.incarnation}`;
    const known = byGateway.get(key);
    if (known === undefined) byGateway.set(key, [one]);
    else known.push(one);
  }
  return [...byGateway.values()].flatMap((all) => {
    const [first] = all;
    return first === undefined ? [] : [kickOf(first, all, nowMs)];
  });
}

function kickOf({ gatewayId, incarnation }: EvictedElsewhere, all: EvictedElsewhere[], nowMs: number): OutRecord {
  const { code, reason } = closes.replaced;
  const control = create(ControlSchema, {
    control: {
      case: "kick",
      value: { sessionIds: all.map(({ sessionId }) => sessionId), closeCode: code, reason },
    },
  });
  const record: DownstreamRecord = create(DownstreamRecordSchema, {
    gatewayId,
    incarnation,
    createdAtMs: BigInt(nowMs),
    items: [{ body: { case: "control", value: control } }],
  });
  return outRecord(downstreamTopic(gatewayId), undefined, record) as OutRecord;
}
