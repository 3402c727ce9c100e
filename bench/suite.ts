import { join } from "node:path";
import { readResult } from "./output.ts";
import { treeOf } from "./process-figures.ts";
import type { AnyResult } from "./report/facts.ts";
import { gochatCommand } from "./server-process.ts";

/** A scenario that is not over by then is ended with its servers and clients, ms. */
const scenarioMaxMs = 5 * 60_000;

/** Runs one scenario in a process of its own, so that nothing of one run is in the memory of the next. Answers its result;
 *  undefined when it failed to give one, which is said. */
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
  const startedMs = Date.now();
  const impatience = setTimeout(() => {
    for (const pid of treeOf(child.pid).toReversed()) endProcess(pid);
  }, scenarioMaxMs);
  const code = await child.exited;
  clearTimeout(impatience);
  // 1: it ran, and was not faithful; the result says so. A file that lay there before is no result of this run.
  const written = (await Bun.file(file).exists()) && Bun.file(file).lastModified >= startedMs - 1000;
  const result = written && (code === 0 || code === 1) ? await readResult(file).catch(() => undefined) : undefined;
  if (result === undefined) console.log(`${name}: FAILED with exit code ${code}, no result; going on.`);
  return result;
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // It ended by itself.
  }
}
