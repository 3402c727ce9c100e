import { clockTime, dayNumber } from "./format.ts";
import { localeTag } from "./strings.ts";

/** Formatters are dear to make: one per language. */
const withDay = new Map<string, Intl.DateTimeFormat>();

/** A time today by the clock, any other with its date; also of what is to come. Unix seconds. */
export function clockOrDay(at: number, nowMs = Date.now()): string {
  if (dayNumber(nowMs / 1_000) === dayNumber(at)) return clockTime(at);
  const tag = localeTag();
  let format = withDay.get(tag);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(tag, { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" });
    withDay.set(tag, format);
  }
  return format.format(at * 1_000);
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
