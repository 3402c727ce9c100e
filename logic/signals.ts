import { type OutRecord, outRecord } from "#infra/mq/mq.ts";
import type { AddressedRoute } from "#proto/addressing.ts";
import type { ServerFrameData, ServerFrameType } from "#proto/frames.ts";
import type { OnlineStatus } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { IDS_MAX } from "#proto/limits.ts";
import { routesOf, signalRecords } from "#proto/signal-records.ts";
import { downstreamTopic } from "#proto/topics.ts";
import type { LogicContext } from "./deps.ts";

/** Signals under way; what is more is dropped and counted, as every signal that presence or log do not take: what it
 *  announces is stored, and is found by the next list. */
const pendingMax = 1000;

export interface SignalsDeps extends Pick<LogicContext, "mq" | "clog" | "metrics" | "clock"> {
  readonly repo: Pick<LogicContext["repo"], "onlineStatus">;
}

export interface SignalOptions {
  /** 0: never too late. */
  readonly ttlMs?: number;
  readonly traceId?: string;
  /** A socket session that is left out. */
  readonly exceptSessionId?: string;
}

/** Whom a signal is for, and where they are now. */
export type FindRoutes = () => Promise<readonly AddressedRoute[]>;

/** Pushes that are no rows of a stream: typing, receipts, friends (spec 50 §3 `signal`). Never waits and never throws. */
export interface Signals {
  /** To every session of these users that is online now. */
  send<T extends ServerFrameType>(
    userIds: readonly string[],
    type: T,
    data: ServerFrameData[T],
    options?: SignalOptions,
  ): void;
  /** The same to whom `find` answers. */
  sendTo<T extends ServerFrameType>(find: FindRoutes, type: T, data: ServerFrameData[T], options?: SignalOptions): void;
  /** Does what finds out whom to signal, within the same bound. */
  background(type: ServerFrameType, work: () => Promise<void>): void;
  drain(): Promise<void>;
}

export function createSignals({ mq, clog, metrics, clock, repo }: SignalsDeps): Signals {
  const pending = new Set<Promise<void>>();
  const dropped = metrics.counter("gochat_signals_dropped_total", "Signals that could not be sent, by type", ["type"]);

  function background(type: ServerFrameType, work: () => Promise<void>): void {
    if (pending.size >= pendingMax) {
      dropped.inc({ type });
      return;
    }
    const working = work()
      .catch((error: unknown) => {
        dropped.inc({ type });
        clog.warn("a signal was not sent", { type, err: error });
      })
      .finally(() => pending.delete(working));
    pending.add(working);
  }

  const sendTo: Signals["sendTo"] = (find, type, data, { ttlMs = 0, traceId, exceptSessionId = "" } = {}) =>
    background(type, async () => {
      const signal = { type, data, ttlMs, exceptSessionId };
      const records = signalRecords(await find(), signal, clock(), traceId).map(
        (record) => outRecord(downstreamTopic(record.gatewayId), undefined, record) as OutRecord,
      );
      if (records.length > 0) await mq.send(records);
    });

  async function whereAre(userIds: readonly string[]): Promise<AddressedRoute[]> {
    const statuses: OnlineStatus[] = [];
    for (let from = 0; from < userIds.length; from += IDS_MAX) {
      const part = userIds.slice(from, from + IDS_MAX);
      statuses.push(...(await repo.onlineStatus.getUsersOnlineStatus({ userIds: part })).statuses);
    }
    return routesOf(statuses);
  }

  return {
    send(userIds, type, data, options) {
      if (userIds.length > 0) sendTo(() => whereAre([...new Set(userIds)]), type, data, options);
    },
    sendTo,
    background,
    async drain() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}
