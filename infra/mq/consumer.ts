import type { Logger } from "../clog/clog.ts";
import { deadLetter } from "./dead-letter.ts";
import type { GroupInstruments, Instruments } from "./instruments.ts";
import { createLane, type Lane, type LaneContext, type LaneEvents, type PartitionLog } from "./lane.ts";
import type { Handler, MqClock, OutRecord, SubscribeOptions, Subscription, Topic } from "./mq.ts";

/** What every consumer of a driver shares. */
export interface ConsumerDeps {
  readonly clock: MqClock;
  readonly random: () => number;
  readonly clog: Logger;
  readonly instruments: Instruments;
  /** How long a dispose waits for handlers before it ends their signal, and once more before it leaves them. */
  readonly drainMs: number;
  /** Keeps dead letters. */
  send(records: readonly OutRecord[]): Promise<void>;
}

/** The store of one topic, as a consumer sees it. */
export interface ConsumerStore<T> {
  /** One per partition. */
  readonly logs: readonly PartitionLog<T>[];
  /** Called once, with the lanes that must be woken when records come. */
  attach(lanes: readonly Lane[]): void;
  /** All below `mark` is finished; commit it if the group commits. */
  moved(partition: number, mark: number): void;
  /** The last call: the lanes have ended. Resolves when what was committed is kept. */
  detach(lanes: readonly Lane[]): Promise<void>;
}

/** Runs `handler` on every partition of a topic for one group. `starts` are the positions to begin at. */
export function createConsumer<T>(
  topic: Topic<T>,
  options: SubscribeOptions,
  handler: Handler<T>,
  starts: readonly number[],
  store: ConsumerStore<T>,
  deps: ConsumerDeps,
): Subscription {
  const { group } = options;
  const clog = deps.clog.with({ topic: topic.name, group });
  const instruments = deps.instruments.forGroup(topic.name, group);
  const abort = new AbortController();
  const lanes: Lane[] = [];

  const lag = (): number => {
    let records = 0;
    for (let i = 0; i < lanes.length; i++) {
      const { position, held } = lanes[i] ?? { position: 0, held: 0 };
      records += Math.max(0, (store.logs[i]?.end() ?? 0) - position) + held;
    }
    return records;
  };

  const dropped = (count: number): void => deps.instruments.dropped(topic.name, "no_dlq", count);
  const moved = (partition: number, _: number, mark: number): void => {
    store.moved(partition, mark);
    instruments.lag(lag());
  };
  const context = laneContext(topic, options, handler, {
    ...deps,
    clog,
    instruments,
    signal: abort.signal,
    moved,
    dropped,
  });
  for (const [partition, log] of store.logs.entries()) {
    lanes.push(createLane(partition, starts[partition] ?? 0, log, context));
  }
  store.attach(lanes);
  for (const lane of lanes) lane.wake();

  async function close(): Promise<void> {
    await drainLanes(lanes, abort, { ...deps, clog });
    await store.detach(lanes);
  }
  let closed: Promise<void> | undefined;

  return {
    lag: () => Promise.resolve(lag()),
    [Symbol.asyncDispose]() {
      closed ??= close();
      return closed;
    },
  };
}

/** What the lanes of one subscription share besides the consumer's own. */
export interface LaneDeps extends Omit<ConsumerDeps, "instruments"> {
  readonly instruments: GroupInstruments;
  readonly dropped: (count: number) => void;
  readonly signal: AbortSignal;
  moved(partition: number, position: number, mark: number): void;
}

/** The rules of spec 50 §5 around a handler: metrics, log lines and dead letters of one group on one topic. */
export function laneContext<T>(
  topic: Topic<T>,
  options: SubscribeOptions,
  handler: Handler<T>,
  deps: LaneDeps,
): LaneContext<T> {
  const { group } = options;
  const { clog, instruments } = deps;
  return {
    topic,
    recordsMax: options.recordsMax,
    bytesMax: options.bytesMax,
    heldMax: options.heldMax ?? 0,
    handler,
    signal: deps.signal,
    clock: deps.clock,
    random: deps.random,
    paused: new Set(),
    async bury(dead, attempts) {
      if (topic.deadLetter) {
        const failedAtMs = deps.clock.now();
        await deps.send(dead.map((one) => deadLetter(one.record, one.dead, { topic, group, attempts, failedAtMs })));
      } else {
        deps.dropped(dead.length);
      }
      instruments.dead(dead.length);
      for (const { record, dead: why } of dead) {
        const fields = { partition: record.partition, offset: record.offset, code: why.code, reason: why.message };
        clog.error(topic.deadLetter ? "record dead-lettered" : "record dropped", fields);
      }
    },
    events: laneEvents(options, deps),
  };
}

function laneEvents(options: SubscribeOptions, { instruments, clog, moved }: LaneDeps): LaneEvents {
  return {
    moved(partition, position, mark, count) {
      instruments.consumed(count);
      moved(partition, position, mark);
    },
    held: (by) => instruments.held(by),
    full(partition) {
      instruments.full();
      clog.debug("as many records are held as may be", { partition });
    },
    holdFailed(partition, offset, error) {
      clog.error("a held record cannot be finished", { partition, offset, err: error });
    },
    handled: (seconds) => instruments.handled(seconds),
    paused(partition, reason, delayMs, first) {
      instruments.paused(1);
      const fields = { partition, reason, delay_ms: Math.round(delayMs) };
      if (first) clog.warn("partition paused", fields);
      else clog.debug("partition paused again", fields);
    },
    resumed: () => instruments.paused(-1),
    failed(partition, count, error) {
      clog.warn("handler failed", { partition, records: count, err: error });
    },
    reset(reason) {
      clog.warn("consumer reset", { reason });
      options.onReset?.(reason);
    },
  };
}

/** Lets the lanes end; after `drainMs` it ends the handlers' signal, after as long again it leaves them. */
export async function drainLanes(
  lanes: readonly Lane[],
  abort: AbortController,
  deps: Pick<ConsumerDeps, "clock" | "clog" | "drainMs">,
): Promise<void> {
  const drained = Promise.all(lanes.map((lane) => lane.close()));
  let left = await endsWithin(drained, deps.drainMs, deps.clock);
  if (left) {
    abort.abort(new Error("the consumer is closing"));
    left = await endsWithin(drained, deps.drainMs, deps.clock);
  }
  if (left) deps.clog.error("a handler did not end, its records will come again", { waited_ms: 2 * deps.drainMs });
}

/** True when `work` is still going after `ms`. */
function endsWithin(work: Promise<unknown>, ms: number, clock: MqClock): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => resolve(true));
    work.then(() => {
      cancel();
      resolve(false);
    }, reject);
  });
}
