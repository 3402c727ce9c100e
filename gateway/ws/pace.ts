/** How fast messages come: a sum that decays with a time constant of one second. A burst counts at once. */
export interface Rate {
  add(count: number, nowMs: number): void;
  perSecond(nowMs: number): number;
}

const decayMs = 1000;

export function createRate(): Rate {
  let sum = 0;
  let atMs = 0;
  function decay(nowMs: number): void {
    if (nowMs <= atMs) return;
    sum *= Math.exp((atMs - nowMs) / decayMs);
    atMs = nowMs;
  }
  return {
    add(count, nowMs) {
      decay(nowMs);
      sum += count;
    },
    perSecond(nowMs) {
      decay(nowMs);
      return sum;
    },
  };
}

export interface PaceOptions {
  /** Messages per second. */
  readonly coalesceAbove: number;
  readonly flushMin: number;
  readonly flushMax: number;
}

export interface Load {
  /** Messages per second. */
  readonly rate: number;
  /** Sockets that listen. */
  readonly sockets: number;
  readonly lagMs: number;
}

/** A room this large is flushed at the full interval; in a smaller one a write saved is worth less than the wait. */
const socketsFull = 500;
/** A loop that is later than this has no time for a write per message. */
export const lateMs = 100;

/** Milliseconds between two flushes of a room (DESIGN §3): 0, each message leaves at once, at low rate; else from
 *  `flushMin` to `flushMax`, growing with rate, size and lateness. At 500 messages a second to 1,000 sockets it is 50 ms
 *  and 25 messages a frame. */
export function flushIntervalMs(options: PaceOptions, { rate, sockets, lagMs }: Load): number {
  const late = lagMs >= lateMs;
  if (rate <= options.coalesceAbove && !late) return 0;
  const wanted = Math.max((rate / 10) * Math.min(1, sockets / socketsFull), late ? lagMs : 0);
  return Math.min(Math.max(wanted, options.flushMin), options.flushMax);
}

/** How late timers of this process fire, ms: the worst of the last second or so. */
export interface LoopLag extends Disposable {
  readonly ms: number;
}

const lookMs = 100;

export function watchLoopLag(now: () => number = () => performance.now()): LoopLag {
  let lagMs = 0;
  let dueMs = now() + lookMs;
  const timer = setInterval(() => {
    const nowMs = now();
    lagMs = Math.max(nowMs - dueMs, lagMs * 0.8);
    dueMs = nowMs + lookMs;
  }, lookMs);
  timer.unref();
  return {
    get ms() {
      return lagMs;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
