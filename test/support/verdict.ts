import { expect } from "bun:test";
import type { Load } from "./load.ts";

/** Ends the talk and holds the checker's verdict to G1, G2 and G3: everything acked, once, in order, on every device. */
export async function expectKept(load: Load): Promise<void> {
  const verdict = await load.settle();
  const refusals = load.talkers.flatMap((talker) => [...talker.refusals].map(([code, times]) => `${times} ${code}`));
  console.log(`sent ${verdict.sent}, acked ${verdict.acked}; not taken at first: ${refusals.join(", ") || "none"}`);
  expect(verdict.violations).toEqual([]);
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, missed: 0, acked: verdict.sent });
  expect(load.talkers.flatMap((talker) => talker.failures)).toEqual([]);
}
