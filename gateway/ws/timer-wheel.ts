/** What the wheel links; kept in the object itself, so that a timer costs no allocation. */
export interface WheelEntry {
  wheelNext: WheelEntry | undefined;
  wheelPrevious: WheelEntry | undefined;
  /** Slot that holds the entry, −1 when it is not scheduled. */
  wheelSlot: number;
}

/** One tick, ms. What is due within a tick fires at its end. */
const tickMs = 1000;
/** Slots: a deadline further away than 127 ticks fires early, at the horizon, and is to be scheduled again. */
const slotsMax = 128;

/** One timer for all sessions of a process: a hashed wheel with ticks of a second. `fire` is called once for each entry
 *  that is due, in no order; it may schedule the entry again. Every call is O(1), `advance` O(ticks + due entries). */
export interface TimerWheel<E extends WheelEntry> {
  /** Moves the entry to the slot of `dueMs`, at most 127 s ahead. */
  schedule(entry: E, dueMs: number): void;
  cancel(entry: E): void;
  /** Fires what is due at `nowMs`. */
  advance(nowMs: number): void;
}

export function createTimerWheel<E extends WheelEntry>(
  startMs: number,
  fire: (entry: E, nowMs: number) => void,
): TimerWheel<E> {
  const heads: (WheelEntry | undefined)[] = new Array<WheelEntry | undefined>(slotsMax).fill(undefined);
  let tick = Math.floor(startMs / tickMs);

  function cancel(entry: WheelEntry): void {
    if (entry.wheelSlot < 0) return;
    const { wheelNext: next, wheelPrevious: previous } = entry;
    if (previous === undefined) heads[entry.wheelSlot] = next;
    else previous.wheelNext = next;
    if (next !== undefined) next.wheelPrevious = previous;
    entry.wheelNext = undefined;
    entry.wheelPrevious = undefined;
    entry.wheelSlot = -1;
  }

  function schedule(entry: WheelEntry, dueMs: number): void {
    cancel(entry);
    const due = Math.ceil(dueMs / tickMs);
    const at = Math.min(Math.max(due, tick + 1), tick + slotsMax - 1);
    const slot = at % slotsMax;
    const head = heads[slot];
    entry.wheelSlot = slot;
    entry.wheelNext = head;
    if (head !== undefined) head.wheelPrevious = entry;
    heads[slot] = entry;
  }

  function fireSlot(slot: number, nowMs: number): void {
    // Ends: `schedule` never chooses the slot of the current tick.
    for (let entry = heads[slot]; entry !== undefined; entry = heads[slot]) {
      cancel(entry);
      fire(entry as E, nowMs);
    }
  }

  return {
    schedule,
    cancel,
    advance(nowMs) {
      const until = Math.floor(nowMs / tickMs);
      // A process that was paused for longer than a turn of the wheel fires each slot once.
      if (until - tick > slotsMax) tick = until - slotsMax;
      while (tick < until) {
        tick += 1;
        fireSlot(tick % slotsMax, nowMs);
      }
    },
  };
}
