import type { Logger } from "#infra/clog/clog.ts";
import type { Mq, Subscription } from "#infra/mq/mq.ts";
import type { BroadcastRecord, DownstreamRecord } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import { downstreamTopic, groups, topics } from "#proto/topics.ts";
import type { Broadcast } from "./broadcast.ts";
import type { Downstream } from "./downstream.ts";
import { createProber, type Prober } from "./probe.ts";

/** What one fetch hands over; a batch leaves in one turn. */
const recordsMax = 500;
const bytesMax = 2 * 1024 * 1024;
/** How long the probes may take before the start fails. */
const probeMs = 20_000;
/** Between attempts to recover from a reset, doubling. */
const recoverMs = 100;
const recoverMsMax = 10_000;

/** The two topics of a gateway, read from their ends in groups of its incarnation (spec 50 §8). */
export interface Consumers extends AsyncDisposable {
  lag(): Promise<number>;
}

export interface ConsumersOptions {
  readonly gatewayId: string;
  readonly incarnation: string;
}

export interface ConsumersDeps {
  readonly mq: Mq;
  readonly clog: Logger;
  readonly downstream: Downstream;
  readonly broadcast: Broadcast;
  readonly prober: Prober;
  /** Pushes may have been missed: rooms are read again and all sessions told. */
  readonly missed: () => Promise<void>;
}

export function proberOf({ gatewayId, incarnation }: ConsumersOptions, mq: Mq): Prober {
  return createProber({
    mq,
    gatewayId,
    incarnation,
    downstream: downstreamTopic(gatewayId),
    broadcast: topics.broadcast,
  });
}

/** Makes the topics, consumes both, and resolves when a probe of its own came back on each partition: nothing that is
 *  addressed to this gateway afterwards is missed. */
export async function startConsumers(options: ConsumersOptions, deps: ConsumersDeps): Promise<Consumers> {
  const { gatewayId, incarnation } = options;
  const { mq, clog, prober } = deps;
  const own = downstreamTopic(gatewayId);
  await mq.ensureTopics([own, topics.broadcast, topics.upstream, topics.userEvents]);
  let started = false;
  /** Whether something may be missing that nobody was told of. */
  let owed = false;
  let recovering: Promise<void> | undefined;
  const stopping = new AbortController();

  /** Until it has succeeded: sessions that were not told to sync would miss what was pushed meanwhile, for good. A reset
   *  while it runs makes it run again. */
  async function recover(): Promise<void> {
    for (let attempt = 1; owed && !stopping.signal.aborted; attempt += 1) {
      owed = false;
      try {
        await prober.run(probeMs, stopping.signal);
        await deps.missed();
        attempt = 0;
      } catch (error) {
        owed = true;
        if (stopping.signal.aborted) return;
        clog.error("a consumer reset was not recovered, trying again", { attempt, err: error });
        await pause(Math.min(recoverMs * 2 ** (attempt - 1), recoverMsMax), stopping.signal);
      }
    }
  }

  function onReset(reason: string): void {
    // Before the first probe nobody is connected, so nothing can be missing.
    if (!started) return;
    clog.warn("a consumer was reset: pushes may be missing", { reason });
    owed = true;
    recovering ??= recover().finally(() => {
      recovering = undefined;
    });
  }

  const common = { from: "end", commits: false, recordsMax, bytesMax, onReset } as const;
  await using stack = new AsyncDisposableStack();
  const downstream: Subscription = await mq.subscribe<DownstreamRecord>(
    own,
    { ...common, group: groups.downstream(gatewayId, incarnation) },
    (batch) => deps.downstream.handle(batch),
  );
  stack.use(downstream);
  const broadcast: Subscription = await mq.subscribe<BroadcastRecord>(
    topics.broadcast,
    { ...common, group: groups.broadcast(gatewayId, incarnation) },
    (batch) => deps.broadcast.handle(batch),
  );
  stack.use(broadcast);
  await prober.run(probeMs);
  started = true;
  const opened = stack.move();
  return {
    lag: async () => (await downstream.lag()) + (await broadcast.lag()),
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await opened.disposeAsync();
      await recovering;
    },
  };
}

/** Resolves after `ms`, or when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end, { once: true });
  });
}
