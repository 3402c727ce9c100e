/** A queue in one growing array: push at the end, drop from the front, read by index, no allocation per item. */
export interface Ring<T> {
  readonly length: number;
  push(item: T): void;
  /** Item `index` from the front; undefined outside. */
  at(index: number): T | undefined;
  /** Forgets the first `count` items, and gives memory back once three quarters are unused. */
  drop(count: number): void;
}

const slotsMin = 64;

/** The bound is the caller's: a ring grows as long as it is pushed to. */
export function createRing<T>(): Ring<T> {
  let slots: (T | undefined)[] = new Array(slotsMin).fill(undefined);
  let head = 0;
  let length = 0;

  function resize(to: number): void {
    const next: (T | undefined)[] = new Array(to).fill(undefined);
    const mask = slots.length - 1;
    for (let i = 0; i < length; i++) next[i] = slots[(head + i) & mask];
    slots = next;
    head = 0;
  }

  return {
    get length() {
      return length;
    },
    push(item) {
      if (length === slots.length) resize(length * 2);
      slots[(head + length) & (slots.length - 1)] = item;
      length++;
    },
    at(index) {
      return index < 0 || index >= length ? undefined : slots[(head + index) & (slots.length - 1)];
    },
    drop(count) {
      const mask = slots.length - 1;
      const dropped = Math.min(count, length);
      for (let i = 0; i < dropped; i++) slots[(head + i) & mask] = undefined;
      head = (head + dropped) & mask;
      length -= dropped;
      if (slots.length > slotsMin && length < slots.length / 4) {
        resize(Math.max(slotsMin, 2 ** Math.ceil(Math.log2(Math.max(1, length * 2)))));
      }
    },
  };
}
