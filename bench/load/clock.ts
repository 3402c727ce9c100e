/** Milliseconds since 1970 with the resolution of the monotonic clock. All processes of a bench run read the same clock,
 *  so that one may send and another receive; it never jumps within a process. */
export function nowMs(): number {
  return originMs + performance.now();
}

const originMs = performance.timeOrigin;
