import { portAnswers } from "./processes.ts";
import type { Port } from "./settings.ts";

const step = 100;
const triesMax = 30;

/** The ports to look at, in order: the wanted one, and when any will do, those 100, 200 … above it. */
export function portsToTry(wanted: Port): number[] {
  const tries = wanted.fixed ? 1 : triesMax;
  return Array.from({ length: tries }, (_, index) => wanted.number + index * step);
}

/**
 * The first port that is free together with the `count - 1` ports after it; they are added to `taken`, and ports in
 * `taken` are not free. Undefined: there is none.
 */
export async function freePort(
  wanted: Port,
  count: number,
  taken: Set<number>,
  answers: (port: number) => Promise<boolean> = portAnswers,
): Promise<number | undefined> {
  for (const first of portsToTry(wanted)) {
    const range = Array.from({ length: count }, (_, index) => first + index);
    if (range.some((port) => taken.has(port))) continue;
    for (const port of range) taken.add(port);
    const used = await Promise.all(range.map(answers));
    if (!used.includes(true)) return first;
    for (const port of range) taken.delete(port);
  }
  return undefined;
}
