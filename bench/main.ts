import { exitCodes } from "#infra/host/start-error.ts";
import { BenchUsageError, parseWorldOptions } from "./options.ts";
import { worldText } from "./result.ts";
import { runWorld } from "./world.ts";

/** `gochat bench …`. Answers the exit code: 0 a faithful run, 1 one that lost, doubled or reordered, 64 a wrong option. */
export async function bench(args: readonly string[]): Promise<number> {
  const [scenario, ...rest] = args;
  try {
    if (scenario !== "world") throw new BenchUsageError(`There is no scenario "${scenario ?? ""}". Scenarios: world.`);
    const options = parseWorldOptions(rest);
    const result = await runWorld(options);
    console.log(worldText(result));
    if (options.json !== undefined) {
      await Bun.write(options.json, `${JSON.stringify(result, null, 2)}\n`);
      console.log(`\nWritten to ${options.json}`);
    }
    return result.lost + result.duplicated + result.reordered === 0 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof BenchUsageError)) throw error;
    console.error(error.message);
    return exitCodes.usage;
  }
}
