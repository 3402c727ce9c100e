import type { TraceSettings } from "./config.ts";

/** The share of traces to keep, 0 … 1. */
export function ratioOf({ sampler, ratio }: Pick<TraceSettings, "sampler" | "ratio">): number {
  if (sampler === "always_on") return 1;
  return sampler === "always_off" ? 0 : ratio;
}

/** Of a UUID v7 the last 12 hex digits are random, and so they are in a W3C id made from one. */
const digits = 12;
const range = 2 ** 48;

/** Whether a trace is kept: by the last 48 bits of its W3C id, so that every process answers alike. */
export function isSampled(traceId: string, ratio: number): boolean {
  if (ratio >= 1) return true;
  if (ratio <= 0) return false;
  return Number.parseInt(traceId.slice(-digits), 16) < ratio * range;
}
