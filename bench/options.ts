import { parseArgs } from "node:util";

/** What `gochat bench world` may be told; each within bounds, so that a typing error does not fill the machine. */
export interface WorldOptions {
  /** Sockets, 1…19,000 (a process may open 20,000 descriptors). */
  conns: number;
  /** Messages per second sent into the world room, 1…5,000. */
  rate: number;
  /** Bytes of a message's content, 40…5,000. */
  size: number;
  /** 1…600. */
  seconds: number;
  /** `embedded`: a process of the bench's own; `up`: the processes of `gochat up`, started without rate limits. */
  target: "embedded" | "up";
  /** Where the result goes as JSON. */
  json: string | undefined;
}

/** A wrong option of the bench. */
export class BenchUsageError extends Error {
  override readonly name = "BenchUsageError";
}

export function parseWorldOptions(args: readonly string[]): WorldOptions {
  const { values } = parsed(args);
  return {
    conns: whole("conns", values.conns, 1, 19_000),
    rate: whole("rate", values.rate, 1, 5_000),
    size: whole("size", values.size, 40, 5_000),
    seconds: whole("seconds", values.seconds, 1, 600),
    target: targetOf(values.target),
    json: values.json,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        conns: { type: "string", default: "1000" },
        rate: { type: "string", default: "20" },
        size: { type: "string", default: "200" },
        seconds: { type: "string", default: "10" },
        target: { type: "string", default: "embedded" },
        json: { type: "string" },
      },
    });
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
}

export function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new BenchUsageError(`--${name} is a whole number from ${min} to ${max}, not "${text}".`);
  return value;
}

function targetOf(text: string): "embedded" | "up" {
  if (text === "embedded" || text === "up") return text;
  throw new BenchUsageError(`--target is embedded or up, not "${text}".`);
}
