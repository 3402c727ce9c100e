import { parseArgs } from "node:util";

/** A wrong option of the bench. */
export class BenchUsageError extends Error {
  override readonly name = "BenchUsageError";
}

/** Options that every scenario against a server takes. */
export interface CommonOptions {
  /** `embedded`: a process of the bench's own; `up`: those of `gochat up`, started without rate limits; or an address. */
  target: string;
  /** Keys of the configuration of an embedded server, KEY=VALUE. */
  set: Readonly<Record<string, string>>;
  /** Where the result goes as JSON. */
  json: string | undefined;
  /** Where the page goes. */
  html: string | undefined;
  /** An earlier result to compare with. */
  baseline: string | undefined;
  /** Words after `gochat bench`, to repeat the run. */
  command: string;
}

export const commonFlags = {
  target: "embedded",
  json: undefined,
  out: undefined,
  html: undefined,
  baseline: undefined,
} as const;

/** The value of each flag, as text; a default of `false` makes a switch, `undefined` an option that may be absent. `--set` may come
 *  several times. Throws BenchUsageError for anything else. */
export function readFlags<const T extends Readonly<Record<string, string | false | undefined>>>(
  args: readonly string[],
  defaults: T,
): { [K in keyof T]: T[K] extends false ? boolean : T[K] extends undefined ? string | undefined : string } & {
  set: Readonly<Record<string, string>>;
} {
  const options: Record<string, { type: "string" | "boolean"; multiple?: boolean; default?: string | boolean }> = {};
  for (const [name, value] of Object.entries(defaults)) {
    if (value === false) options[name] = { type: "boolean", default: false };
    else options[name] = value === undefined ? { type: "string" } : { type: "string", default: value };
  }
  options.set = { type: "string", multiple: true };
  try {
    const { values } = parseArgs({ args: bareJsonAsText(args), options });
    const set = ((values.set ?? []) as string[]).map((pair) => pair.split(/=(.*)/s) as [string, string | undefined]);
    return { ...values, set: Object.fromEntries(set.map(([key, value]) => [key, value ?? ""])) } as never;
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
}

/** `--json FILE` says where the result goes; `--json` alone names the encoding, as `--text` does. */
function bareJsonAsText(args: readonly string[]): string[] {
  return args.map((word, index) => {
    const next = args[index + 1];
    return word === "--json" && (next === undefined || next.startsWith("-")) ? "--text" : word;
  });
}

export function commonOf(
  scenario: string,
  args: readonly string[],
  flags: {
    target: string;
    json: string | undefined;
    out: string | undefined;
    html: string | undefined;
    baseline: string | undefined;
    set: Readonly<Record<string, string>>;
  },
): CommonOptions {
  const json = flags.json ?? flags.out;
  return {
    target: flags.target,
    set: flags.set,
    json,
    html: flags.html ?? json?.replace(/(\.json)?$/, ".html"),
    baseline: flags.baseline,
    command: `./gochat bench ${[scenario, ...args].join(" ")}`,
  };
}

export function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text === "" || !Number.isInteger(value) || value < min || value > max)
    throw new BenchUsageError(`--${name} is a whole number from ${min} to ${max}, not "${text}".`);
  return value;
}

/** Between `min` and `max`, fractions too. */
export function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text === "" || !(value >= min && value <= max))
    throw new BenchUsageError(`--${name} is a number from ${min} to ${max}, not "${text}".`);
  return value;
}
