import { type OutRecord, outRecord } from "#infra/mq/mq.ts";
import type { ServerFrameData, ServerFrameType } from "#proto/frames.ts";
import { IDS_MAX } from "#proto/limits.ts";
import { signalRecords } from "#proto/signal-records.ts";
import { downstreamTopic } from "#proto/topics.ts";
import type { LogicContext } from "./deps.ts";

/** Signals under way; what is more is dropped and counted, as every signal that presence or log do not take: what it
 *  announces is stored, and is found by the next list. */
const pendingMax = 1000;

export interface SignalsDeps extends Pick<LogicContext, "mq" | "clog" | "metrics" | "clock"> {
  readonly repo: Pick<LogicContext["repo"], "onlineStatus">;
}

/** Pushes that are no rows of a stream: typing, receipts, friends (spec 50 §3 `signal`). Never waits and never throws. */
export interface Signals {
  /** To every session of these users that is online now. `ttlMs` 0: never too late. */
  send<T extends ServerFrameType>(
    userIds: readonly string[],
    type: T,
    data: ServerFrameData[T],
    options?: { readonly ttlMs?: number; readonly traceId?: string },
  ): void;
  drain(): Promise<void>;
}

export function createSignals({ mq, clog, metrics, clock, repo }: SignalsDeps): Signals {
  const pending = new Set<Promise<void>>();
  const dropped = metrics.counter("gochat_signals_dropped_total", "Signals that could not be sent, by type", ["type"]);

  async function deliver(
    userIds: readonly string[],
    signal: Parameters<typeof signalRecords>[1],
    traceId: string | undefined,
  ): Promise<void> {
    try {
      for (let from = 0; from < userIds.length; from += IDS_MAX) {
        const part = userIds.slice(from, from + IDS_MAX);
        const { statuses } = await repo.onlineStatus.getUsersOnlineStatus({ userIds: part });
        const records = signalRecords(statuses, signal, clock(), traceId).map(
          (record) => outRecord(downstreamTopic(record.gatewayId), undefined, record) as OutRecord,
        );
        if (records.length > 0) await mq.send(records);
      }
    } catch (error) {
      dropped.inc({ type: signal.type });
      clog.warn("a signal was not sent", { type: signal.type, err: error });
    }
  }

  return {
    send(userIds, type, data, { ttlMs = 0, traceId } = {}) {
      if (userIds.length === 0) return;
      if (pending.size >= pendingMax) {
        dropped.inc({ type });
        return;
      }
      const sending = deliver([...new Set(userIds)], { type, data, ttlMs }, traceId).finally(() =>
        pending.delete(sending),
      );
      pending.add(sending);
    },
    async drain() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}
