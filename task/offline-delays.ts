import type { Logger } from "#infra/clog/clog.ts";
import type { MqClock } from "#infra/mq/mq.ts";
import { delayMs } from "#infra/retry/retry.ts";

/** Somebody who went offline, and whose friends are told later. */
export interface Departure {
  readonly userId: bigint;
  /** Unix s. */
  readonly lastSeen: number;
  /** Unix ms, on the clock of the queue. */
  readonly dueMs: number;
}

/** A departure that is handled now. */
export interface Due extends Departure {
  /** The user came back meanwhile. */
  isBack(): boolean;
}

/** What waits until friends are told that somebody is offline; one departure per user. It has no bound of its own: each
 *  one holds a record of the log, and the log bounds those (`SubscribeOptions.heldMax`). */
export interface OfflineDelays extends AsyncDisposable {
  /** Resolves when the departure was handled, was cancelled, or a later one of the user took its place. */
  add(departure: Departure): Promise<void>;
  /** Whether a departure of the user waits. One that is handled at the moment does not. */
  waits(userId: bigint): boolean;
  /** The user is back: what waits is dropped; what is handled at the moment tells nobody from here on. */
  cancel(userId: bigint): void;
  /** `degraded` while a dependency is away. */
  state(): "ok" | "degraded";
}

export interface OfflineDelaysDeps {
  readonly clock: MqClock;
  readonly clog: Logger;
  readonly random: () => number;
  /** Departures that are handled together. */
  readonly batchMax: number;
  /** Handles up to `batchMax` departures that are due. Rejects when a dependency is away: it is asked again. */
  handle(due: readonly Due[], signal: AbortSignal): Promise<void>;
}

/** While a dependency is away: 100 ms × 2 … 30 s. */
const pause = {
  backoff: { kind: "exponential", initialMs: 100, factor: 2, capMs: 30_000 },
  jitter: "proportional",
} as const;

export function createOfflineDelays(deps: OfflineDelaysDeps): OfflineDelays {
  return new DelayQueue(deps);
}

class Waiting implements Due {
  readonly userId: bigint;
  readonly lastSeen: number;
  readonly dueMs: number;
  readonly ended = Promise.withResolvers<void>();
  back = false;

  constructor({ userId, lastSeen, dueMs }: Departure) {
    this.userId = userId;
    this.lastSeen = lastSeen;
    this.dueMs = dueMs;
  }

  isBack(): boolean {
    return this.back;
  }
}

class DelayQueue implements OfflineDelays {
  private readonly deps: OfflineDelaysDeps;
  /** In the order of arrival, which is that of their times but for the clocks of several gateways: who is due a little
   *  before the first one waits for it. */
  private readonly waiting = new Map<bigint, Waiting>();
  private underWay: readonly Waiting[] = [];
  private readonly stop = new AbortController();
  private failures = 0;
  private cancelTimer: (() => void) | undefined;
  private running: Promise<void> | undefined;

  constructor(deps: OfflineDelaysDeps) {
    this.deps = deps;
  }

  add(departure: Departure): Promise<void> {
    this.drop(departure.userId);
    const waiting = new Waiting(departure);
    this.waiting.set(departure.userId, waiting);
    this.arm();
    return waiting.ended.promise;
  }

  waits(userId: bigint): boolean {
    return this.waiting.has(userId);
  }

  cancel(userId: bigint): void {
    this.drop(userId);
    for (const one of this.underWay) if (one.userId === userId) one.back = true;
  }

  state(): "ok" | "degraded" {
    return this.failures > 0 ? "degraded" : "ok";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new Error("the delays are closing"));
    this.cancelTimer?.();
    await this.running;
  }

  private drop(userId: bigint): void {
    const one = this.waiting.get(userId);
    if (one === undefined) return;
    this.waiting.delete(userId);
    one.ended.resolve();
  }

  /** One timer, for the first departure. */
  private arm(): void {
    if (this.running !== undefined || this.cancelTimer !== undefined || this.stop.signal.aborted) return;
    const [first] = this.waiting.values();
    if (first !== undefined) this.later(first.dueMs - this.deps.clock.now());
  }

  private later(ms: number): void {
    this.cancelTimer = this.deps.clock.after(Math.max(0, ms), () => {
      this.cancelTimer = undefined;
      this.running = this.round().finally(() => {
        this.running = undefined;
        this.afterRound();
      });
    });
  }

  private afterRound(): void {
    if (this.stop.signal.aborted) return;
    if (this.failures > 0) this.later(delayMs(pause, this.failures, this.deps.random));
    else this.arm();
  }

  /** Handles what is due, or what could not be handled before. Never rejects. */
  private async round(): Promise<void> {
    if (this.underWay.length === 0) this.underWay = this.takeDue();
    const batch = this.underWay.filter((one) => !one.back);
    try {
      if (batch.length > 0) await this.deps.handle(batch, this.stop.signal);
    } catch (error) {
      if (this.stop.signal.aborted) return;
      this.failures += 1;
      if (this.failures === 1) this.deps.clog.warn("offline notices wait for a dependency", { err: error });
      return;
    }
    if (this.failures > 0) this.deps.clog.info("offline notices go on");
    this.failures = 0;
    for (const one of this.underWay) one.ended.resolve();
    this.underWay = [];
  }

  private takeDue(): Waiting[] {
    const nowMs = this.deps.clock.now();
    const due: Waiting[] = [];
    for (const one of this.waiting.values()) {
      if (one.dueMs > nowMs || due.length === this.deps.batchMax) break;
      due.push(one);
    }
    for (const { userId } of due) this.waiting.delete(userId);
    return due;
  }
}
