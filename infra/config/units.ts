const byteUnits = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
} as const;
const timeUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `64KiB`, `1.5 MiB`, `10MB` or a plain number of bytes. Undefined when it is none of these, negative, or no whole number of bytes. */
export function parseBytes(raw: unknown): number | undefined {
  if (typeof raw === "number") return whole(raw);
  if (typeof raw !== "string") return undefined;
  const parts = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|KiB|MiB|GiB|TiB)?$/.exec(raw.trim());
  if (parts === null) return undefined;
  const unit = parts[2] ?? "B";
  return isUnit(byteUnits, unit) ? whole(Number(parts[1]) * byteUnits[unit]) : undefined;
}

/** `30s`, `100ms`, `1h30m`, `2.5s` in milliseconds; `0` needs no unit, every other number does. Undefined when it is none of these or no whole number of ms. */
export function parseDuration(raw: unknown): number | undefined {
  if (raw === 0 || raw === "0") return 0;
  if (typeof raw !== "string") return undefined;
  const text = raw.trim();
  if (!/^(?:\d+(?:\.\d+)?(?:ms|[smhd]))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhd])/g)) {
    if (unit === undefined || !isUnit(timeUnits, unit)) return undefined;
    sum += Number(count) * timeUnits[unit];
  }
  // A decimal fraction is not exact in binary: what is nearer than a nanosecond to a whole number of ms is meant as one.
  const ms = Math.round(sum);
  return Math.abs(sum - ms) < 1e-6 ? whole(ms) : undefined;
}

/** The largest unit that divides `bytes`; `parseBytes` reads it back. */
export function formatBytes(bytes: number): string {
  for (const unit of ["TiB", "GiB", "MiB", "KiB"] as const)
    if (bytes !== 0 && bytes % byteUnits[unit] === 0) return `${bytes / byteUnits[unit]}${unit}`;
  return `${bytes}B`;
}

/** The largest unit that divides `ms`; `parseDuration` reads it back. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"] as const)
    if (ms !== 0 && ms % timeUnits[unit] === 0) return `${ms / timeUnits[unit]}${unit}`;
  return `${ms}ms`;
}

function whole(value: number): number | undefined {
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function isUnit<T extends object>(units: T, name: string): name is Extract<keyof T, string> {
  return Object.hasOwn(units, name);
}
