/** The value at `path` of what the server answered; undefined when there is none. */
export function field(value: unknown, path: readonly string[]): unknown {
  let at = value;
  for (const name of path) at = typeof at === "object" && at !== null ? Reflect.get(at, name) : undefined;
  return at;
}

export function textOf(value: unknown, path: readonly string[]): string {
  const text = field(value, path);
  return typeof text === "string" ? text : "";
}

/** NaN when there is no number. */
export function numberOf(value: unknown, path: readonly string[]): number {
  const number = field(value, path);
  return typeof number === "number" ? number : Number.NaN;
}

export function itemsOf(value: unknown, path: readonly string[]): readonly unknown[] {
  const items = field(value, path);
  return Array.isArray(items) ? items : [];
}
