/** One step of a paced run. */
const stepMs = 100;

/** Calls `each` for all items, spread evenly over `spreadMs` in steps of 100 ms, in order; with 0 at once. Ends early when
 *  the signal aborts. One loop for all items, no timer per item. */
export async function paced<T>(
  items: readonly T[],
  spreadMs: number,
  signal: AbortSignal,
  each: (item: T) => void,
  sleep: (ms: number) => Promise<void> = Bun.sleep,
): Promise<void> {
  const steps = Math.max(1, Math.floor(spreadMs / stepMs));
  const perStep = Math.ceil(items.length / steps);
  for (let from = 0; from < items.length; from += perStep) {
    if (signal.aborted) return;
    if (from > 0) await sleep(stepMs);
    for (let index = from; index < Math.min(from + perStep, items.length); index += 1) {
      const item = items[index];
      if (item !== undefined) each(item);
    }
  }
}

/** A random order: who connected together must not be moved together. */
export function shuffled<T>(items: Iterable<T>, random: () => number = Math.random): T[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    const [a, b] = [order[last], order[other]];
    if (a !== undefined && b !== undefined) [order[last], order[other]] = [b, a];
  }
  return order;
}
