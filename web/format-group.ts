import { clockTime, dayNumber, shortTime } from "./format.ts";
import { localeTag } from "./strings.ts";

/** A time today by the clock, else with its day. Unix seconds. */
export function clockOrDay(at: number, nowMs = Date.now()): string {
  const today = dayNumber(nowMs / 1_000) === dayNumber(at);
  return today ? clockTime(at) : `${shortTime(at, nowMs)} ${clockTime(at)}`;
}

/** "10 minutes", "1 hour", "7 days": the largest unit that fits. */
export function duration(seconds: number): string {
  const [value, unit] =
    seconds % 86_400 === 0
      ? [seconds / 86_400, "day"]
      : seconds % 3_600 === 0
        ? [seconds / 3_600, "hour"]
        : [seconds / 60, "minute"];
  return new Intl.NumberFormat(localeTag(), { style: "unit", unit: unit as string, unitDisplay: "long" }).format(
    value as number,
  );
}
