import { join } from "node:path";
import { readResult } from "./output.ts";
import type { AnyResult } from "./report/facts.ts";
import { gochatCommand } from "./server-process.ts";

/** Runs one scenario in a process of its own, so that nothing of one run is in the memory of the next. Answers its result;
 *  undefined when it failed to give one. */
export async function runScenario(
  words: readonly string[],
  folder: string,
  name: string,
): Promise<AnyResult | undefined> {
  const file = join(folder, `${name}.json`);
  const child = Bun.spawn([...gochatCommand(), "bench", ...words, "--out", file], {
    stdout: "inherit",
    stderr: "inherit",
  });
  const code = await child.exited;
  // 1: it ran, and was not faithful; the result says so.
  return code === 0 || code === 1 ? readResult(file).catch(() => undefined) : undefined;
}
