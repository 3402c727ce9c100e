import { language, localeTag, t } from "./strings.ts";

/** Formatters are dear to make: one per kind, until the language changes. */
let cachedFor = "";
let cache: Record<string, Intl.DateTimeFormat> = {};
function format(kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const tag = `${language.value}/${localeTag()}`;
  if (tag !== cachedFor) {
    cache = {};
    cachedFor = tag;
  }
  cache[kind] ??= new Intl.DateTimeFormat(localeTag(), options);
  return cache[kind];
}

/** All times: Unix seconds. */
export function clockTime(at: number): string {
  return format("time", { hour: "numeric", minute: "2-digit" }).format(at * 1_000);
}

export function fullTime(at: number): string {
  return format("full", { dateStyle: "full", timeStyle: "medium" }).format(at * 1_000);
}

/** Days since 1970 in local time: equal for times of the same day. */
export function dayNumber(at: number): number {
  const date = new Date(at * 1_000);
  return Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000);
}

export function dayName(at: number, nowMs = Date.now()): string {
  const days = dayNumber(nowMs / 1_000) - dayNumber(at);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  const sameYear = new Date(nowMs).getFullYear() === new Date(at * 1_000).getFullYear();
  return sameYear
    ? format("day", { weekday: "long", month: "long", day: "numeric" }).format(at * 1_000)
    : format("dayYear", { year: "numeric", month: "long", day: "numeric" }).format(at * 1_000);
}

/** Short, for the conversation list: a time today, a weekday within a week, else a date. */
export function shortTime(at: number, nowMs = Date.now()): string {
  const days = dayNumber(nowMs / 1_000) - dayNumber(at);
  if (days <= 0) return clockTime(at);
  if (days < 7) return format("weekday", { weekday: "short" }).format(at * 1_000);
  return format("short", { month: "numeric", day: "numeric" }).format(at * 1_000);
}

/** Counts in a badge: exact to 999, then 1.2K. */
export function badge(count: number): string {
  return new Intl.NumberFormat(
    localeTag(),
    count < 1_000 ? {} : { notation: "compact", maximumFractionDigits: 1 },
  ).format(count);
}

let relativeFor = "";
let relativeCache: Intl.RelativeTimeFormat | undefined;
function relativeFormat(): Intl.RelativeTimeFormat {
  const tag = localeTag();
  if (relativeCache === undefined || tag !== relativeFor)
    relativeCache = new Intl.RelativeTimeFormat(tag, { numeric: "auto", style: "short" });
  relativeFor = tag;
  return relativeCache;
}

/** "5 min ago", "2 hr ago", "yesterday", "3 days ago", then a date. A time that is to come counts as now. */
export function relativeTime(at: number, nowMs = Date.now()): string {
  const relative = relativeFormat();
  const seconds = Math.max(0, nowMs / 1_000 - at);
  const days = dayNumber(nowMs / 1_000) - dayNumber(at);
  if (seconds < 60) return relative.format(0, "second");
  if (seconds < 3_600) return relative.format(-Math.floor(seconds / 60), "minute");
  if (days <= 0 || seconds < 21_600) return relative.format(-Math.floor(seconds / 3_600), "hour");
  if (days < 7) return relative.format(-days, "day");
  return format("date", { dateStyle: "medium" }).format(at * 1_000);
}
