import type { ScriptResult } from "./cache.ts";

/** What servers answer (RESP 2), as the values of the port. */
export function text(reply: unknown): string | undefined {
  return typeof reply === "string" ? reply : undefined;
}
export function integer(reply: unknown): number {
  return Number(reply);
}
export function texts(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
export function optionalTexts(reply: unknown): (string | undefined)[] {
  return Array.isArray(reply) ? reply.map(text) : [];
}

/** Pairs in a list; a library may have made an object of them already. */
export function pairs(reply: unknown): [string, string][] {
  if (!Array.isArray(reply))
    return typeof reply === "object" && reply !== null
      ? Object.entries(reply).map(([name, value]) => [name, String(value)])
      : [];
  const all: [string, string][] = [];
  for (let at = 0; at + 1 < reply.length; at += 2) all.push([String(reply[at]), String(reply[at + 1])]);
  return all;
}

/** `inf`, `-inf` and numbers. */
export function score(reply: string): number {
  if (reply === "inf") return Number.POSITIVE_INFINITY;
  return reply === "-inf" ? Number.NEGATIVE_INFINITY : Number(reply);
}
export function scoreText(value: number): string {
  if (Number.isNaN(value)) throw new RangeError("a score is not a number");
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? "+inf" : "-inf";
}

export function scriptResult(reply: unknown): ScriptResult {
  if (typeof reply === "number" || typeof reply === "string") return reply;
  if (Array.isArray(reply)) return reply.map(scriptResult);
  return undefined;
}

/** Servers take whole milliseconds above 0. */
export function wholeMs(ms: number): string {
  return String(Math.max(1, Math.ceil(ms)));
}
