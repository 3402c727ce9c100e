import { parseArgs } from "node:util";
import { settingsOf, UsageError } from "./command-line.ts";

/** What stands behind the verb of `gochat topics`. */
export interface TopicsOptions {
  readonly words: readonly string[];
  /** Where `reset-offset` goes. */
  readonly to: "earliest" | "latest" | bigint | undefined;
  readonly partition: number | undefined;
  readonly dryRun: boolean;
  /** How long `monitor` looks; undefined: until it is stopped. */
  readonly seconds: number | undefined;
  /** KEY=VALUE of the configuration. */
  readonly flags: Readonly<Record<string, string>>;
}

/** Options by the verb that takes them; all take `--set`. */
const optionsOf: Readonly<Record<string, readonly string[]>> = {
  "reset-offset": ["to", "partition", "dry-run"],
  replay: ["dry-run"],
  monitor: ["seconds"],
};

/** The most offsets there are, and the longest look, in seconds. */
const offsetMax = 2n ** 63n - 1n;
const secondsMax = 86_400;
const partitionMax = 100_000;

/** Throws UsageError. */
export function parseTopics(
  args: readonly string[],
): TopicsOptions & { readonly verb: string; readonly help: boolean } {
  const { values, positionals } = parse(args);
  const [verb = "", ...words] = positionals;
  const taken = [...(optionsOf[verb] ?? []), "set", "help"];
  const stray = Object.keys(values).find((name) => !taken.includes(name));
  if (stray !== undefined) throw new UsageError(`topics ${verb} takes no --${stray}.`);
  return {
    verb,
    words,
    help: values.help === true,
    to: values.to === undefined ? undefined : placeOf(values.to),
    partition: wholeOf("--partition", values.partition, 0, partitionMax),
    dryRun: values["dry-run"] === true,
    seconds: wholeOf("--seconds", values.seconds, 1, secondsMax),
    flags: settingsOf(values.set),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        to: { type: "string" },
        partition: { type: "string" },
        "dry-run": { type: "boolean" },
        seconds: { type: "string" },
        set: { type: "string", multiple: true },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function placeOf(text: string): "earliest" | "latest" | bigint {
  if (text === "earliest" || text === "latest") return text;
  const offset = /^\d{1,19}$/.test(text) ? BigInt(text) : undefined;
  if (offset === undefined || offset > offsetMax)
    throw new UsageError(`--to is earliest, latest or an offset, not "${text}".`);
  return offset;
}

function wholeOf(option: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= min && number <= max))
    throw new UsageError(`${option} is a whole number from ${min} to ${max}, not "${text}".`);
  return number;
}
