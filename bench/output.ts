import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { BenchUsageError, type CommonOptions } from "./options.ts";
import { type AnyResult, compare, compareText } from "./report/facts.ts";
import { reportPage } from "./report/page.ts";

/** Says the result to people, and writes it where it was asked for: JSON for tools, a page for eyes. */
export async function tell(
  text: string,
  result: AnyResult,
  options: Pick<CommonOptions, "json"> & Partial<CommonOptions>,
): Promise<void> {
  console.log(text);
  const baseline = options.baseline === undefined ? undefined : await readResult(options.baseline);
  if (baseline !== undefined) console.log(`\n${compareText(compare(result, baseline))}`);
  const written: string[] = [];
  if (options.json !== undefined) {
    await write(options.json, `${JSON.stringify(result, null, 2)}\n`);
    written.push(options.json);
  }
  if (options.html !== undefined) {
    await write(options.html, reportPage("GoChat bench", [{ result, baseline }]));
    written.push(options.html);
  }
  if (written.length > 0) console.log(`\nWritten to ${written.join(" and ")}`);
}

/** A result that was written before. */
export async function readResult(file: string): Promise<AnyResult> {
  try {
    const result: unknown = JSON.parse(await Bun.file(file).text());
    if (typeof result === "object" && result !== null) return result as AnyResult;
  } catch (error) {
    throw new BenchUsageError(
      `${file} is no result of the bench: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  throw new BenchUsageError(`${file} is no result of the bench.`);
}

export async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await Bun.write(file, text);
}
