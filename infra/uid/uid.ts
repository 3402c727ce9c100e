import type { Metrics } from "../metrics/metrics.ts";

/** Where the milliseconds of a snowflake begin: 2010-11-04T01:42:54.657Z (spec 40 §1). */
export const epochMs = 1288834974657;
/** Worker numbers are 0…1023; 0 is for tests and tools, 1…1023 are leased. */
export const workerMax = 1023;
/** Ids per millisecond and worker. */
export const idsPerMs = 4096;
/** An id is made only when the lease was confirmed within this time; the lease itself lives 30 s. */
export const leaseFreshMs = 20_000;
/** A clock that goes back by no more is waited for. */
export const clockBackWaitMs = 5;

const timestampMax = 2 ** 41 - 1;
/** Readings of the clock in one wait, about 0.2 s: a clock that stands still must not hang the process. */
const spinsMax = 5_000_000;

/** The right to use a worker number. */
export interface WorkerLease {
  readonly number: number;
  /** Time (ms, same clock as the ids') at which the centre last confirmed the lease. */
  lastConfirmedMs(): number;
  /** Gives the number back. No id may be made afterwards. */
  release(): Promise<void>;
}

/** The worker lease was last confirmed too long ago, or in the future: no id can be made until it is confirmed again. */
export class LeaseStaleError extends Error {
  override readonly name = "LeaseStaleError";
}
/** The clock went back by more than `clockBackWaitMs`: no id can be made until it has passed the last one. */
export class ClockBackError extends Error {
  override readonly name = "ClockBackError";
}

export interface Ids {
  /** A new id: greater than every earlier one of this object, unique among all workers. Never waits longer than `clockBackWaitMs`, spinning: for the
   *  next millisecond when this one's 4096 are spent, or for a clock that went back. Throws LeaseStaleError, ClockBackError. */
  snowflake(): bigint;
  readonly worker: number;
}

export interface IdsOptions {
  worker: WorkerLease;
  /** Unix ms. Default `Date.now`. */
  clock?: () => number;
  metrics?: Metrics;
}

/** Every id compares the clock with the last lease confirmation in the same call: no timer is trusted, so a paused process cannot make a stale id. */
export function createIds(options: IdsOptions): Ids {
  const { worker, clock = Date.now } = options;
  const made = options.metrics?.counter("gochat_uid_generated_total", "Ids made", ["name"]).with({ name: "snowflake" });
  assertWorker(worker.number);
  const workerBits = BigInt(worker.number) << 12n;
  let lastMs = -1;
  let sequence = 0;
  let base = 0n;

  /** A reading of the clock of at least `minMs` at which the lease is fresh. The very reading that was checked is answered. */
  const readClock = (minMs: number): number => {
    for (let spins = 0; spins < spinsMax; spins += 1) {
      // In this order: a pause in between makes the lease look older, never fresher.
      const confirmedMs = worker.lastConfirmedMs();
      const nowMs = clock();
      const ageMs = nowMs - confirmedMs;
      // A confirmation in the future means that the clock went back: its age says nothing.
      if (!(ageMs >= -clockBackWaitMs && ageMs <= leaseFreshMs)) {
        throw new LeaseStaleError(`worker ${worker.number}: lease last confirmed ${ageMs} ms ago`);
      }
      if (lastMs - nowMs > clockBackWaitMs) throw new ClockBackError(`the clock went back ${lastMs - nowMs} ms`);
      if (ageMs >= 0 && nowMs >= minMs) return nowMs;
    }
    throw new ClockBackError("the clock stands still");
  };

  return {
    worker: worker.number,
    snowflake() {
      let nowMs = readClock(lastMs);
      if (nowMs === lastMs && sequence === idsPerMs - 1) nowMs = readClock(lastMs + 1);
      if (nowMs === lastMs) {
        sequence += 1;
      } else {
        const timestamp = nowMs - epochMs;
        if (timestamp < 0 || timestamp > timestampMax) throw new RangeError(`no snowflake for the time ${nowMs}`);
        lastMs = nowMs;
        sequence = 0;
        base = (BigInt(timestamp) << 22n) | workerBits;
      }
      made?.inc();
      return base | BigInt(sequence);
    },
  };
}

export function parseSnowflake(id: bigint): { timestampMs: number; worker: number; sequence: number } {
  return {
    timestampMs: Number(id >> 22n) + epochMs,
    worker: Number((id >> 12n) & 1023n),
    sequence: Number(id & 4095n),
  };
}

/** The smallest id of a millisecond: for ranges over time. */
export function snowflakeAt(timestampMs: number): bigint {
  return BigInt(timestampMs - epochMs) << 22n;
}

/** Time-ordered UUID version 7, lower case. */
export function uuidv7(): string {
  return Bun.randomUUIDv7();
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** True for a UUID of any version 1…8, either case. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}

/** A lease that is always fresh, for tests and tools. */
export function testWorkerLease(number = 0, clock: () => number = Date.now): WorkerLease {
  assertWorker(number);
  return { number, lastConfirmedMs: clock, release: async () => {} };
}

function assertWorker(number: number): void {
  if (!Number.isInteger(number) || number < 0 || number > workerMax)
    throw new RangeError(`worker number ${number} is not in 0…${workerMax}`);
}
