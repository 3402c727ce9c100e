/** Compared without case, `_` and `-`; also as the end of a longer name (`refreshToken`, `user_password`). */
const secretEndings = [
  "password",
  "passwordhash",
  "token",
  "secret",
  "authorization",
  "cookie",
  "content",
  "privatekey",
  "apikey",
];
const blank = "[redacted]";
const depthMax = 6;
const itemsMax = 100;

/** A copy of `fields` fit to be written: secrets blanked at any depth, bigint as decimal string, errors with type, message, code, stack and cause.
 *  Below `depthMax` levels and after `itemsMax` items of a list it is cut. */
export function cleanFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return cleanObject(fields, 0);
}

/** True when a field of this name must not reach a log. */
export function isSecretName(name: string): boolean {
  const plain = name.replaceAll(/[_-]/g, "").toLowerCase();
  return secretEndings.some((ending) => plain.endsWith(ending));
}

function cleanObject(source: object, depth: number): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    clean[name] = isSecretName(name) ? blank : cleanValue(value, depth + 1);
  }
  return clean;
}

function cleanValue(value: unknown, depth: number): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > depthMax) return "[deep]";
  if (value instanceof Error) return cleanError(value, depth);
  if (value instanceof Date) return value;
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, itemsMax).map((item) => cleanValue(item, depth + 1));
  if (value instanceof Map) return cleanObject(Object.fromEntries(value), depth);
  if (value instanceof Set) return cleanValue([...value], depth);
  return cleanObject(value, depth);
}

function cleanError(error: Error, depth: number): Record<string, unknown> {
  const cause = error.cause === undefined ? undefined : { cause: cleanValue(error.cause, depth + 1) };
  return { ...cleanObject(error, depth), type: error.name, message: error.message, stack: error.stack, ...cause };
}
