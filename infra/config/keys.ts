import { formatBytes, formatDuration, parseBytes, parseDuration } from "./units.ts";

export type Environment = "development" | "production";

/** A default that differs between the environments. */
export interface ByEnvironment<T> {
  readonly development: T;
  readonly production: T;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false };

/** One value of the configuration: how it is read, what it may be, where it comes from. */
export interface Key<T> {
  readonly kind: "key";
  /** For people: `integer`, `duration`, … */
  readonly type: string;
  /** For people: what is allowed. */
  readonly range: string;
  readonly doc: string;
  readonly defaults: ByEnvironment<T>;
  /** True: a change acts without a restart. */
  readonly hot: boolean;
  /** True: never shown; comes from the environment or a mounted file (`…_FILE`) only. */
  readonly secret: boolean;
  /** A second name in the environment (`LOG_LEVEL`). */
  readonly env: string | undefined;
  /** Reads what YAML gives or the text of an environment variable or flag. */
  parse(raw: unknown): Parsed<T>;
  show(value: T): string;
}

/** `default: undefined` makes the value optional. */
interface Common<D> {
  default: D | ByEnvironment<D>;
  doc: string;
  hot?: boolean;
  env?: string;
}
interface Bounds {
  min: number;
  max: number;
}

interface Shape<T> {
  type: string;
  range: string;
  secret?: boolean;
  parse: (raw: unknown) => T | undefined;
  show: (value: T) => string;
}

export function int<D extends number | undefined>(options: Common<D> & Bounds): Key<number | D> {
  return keyOf<number, D>(options, {
    type: "integer",
    range: `${options.min}…${options.max}`,
    parse: (raw) => within(numberOf(raw, /^-?\d+$/), options, Number.isSafeInteger),
    show: String,
  });
}

/** A number that may have a fraction. */
export function float<D extends number | undefined>(options: Common<D> & Bounds): Key<number | D> {
  return keyOf<number, D>(options, {
    type: "number",
    range: `${options.min}…${options.max}`,
    parse: (raw) => within(numberOf(raw, /^-?\d+(?:\.\d+)?$/), options, Number.isFinite),
    show: String,
  });
}

/** `64KiB`; bytes inside. Bounds in bytes. */
export function bytes<D extends number | undefined>(options: Common<D> & Bounds): Key<number | D> {
  return keyOf<number, D>(options, {
    type: "bytes",
    range: `${formatBytes(options.min)}…${formatBytes(options.max)}`,
    parse: (raw) => within(parseBytes(raw), options, Number.isSafeInteger),
    show: formatBytes,
  });
}

/** `30s`; milliseconds inside. Bounds in milliseconds. */
export function duration<D extends number | undefined>(options: Common<D> & Bounds): Key<number | D> {
  return keyOf<number, D>(options, {
    type: "duration",
    range: `${formatDuration(options.min)}…${formatDuration(options.max)}`,
    parse: (raw) => within(parseDuration(raw), options, Number.isSafeInteger),
    show: formatDuration,
  });
}

export function bool<D extends boolean | undefined>(options: Common<D>): Key<boolean | D> {
  return keyOf<boolean, D>(options, {
    type: "boolean",
    range: "true | false",
    parse: (raw) =>
      raw === true || raw === "true" || raw === "1"
        ? true
        : raw === false || raw === "false" || raw === "0"
          ? false
          : undefined,
    show: String,
  });
}

interface TextBounds {
  /** Characters; default 1 and 4096. */
  lengthMin?: number;
  lengthMax?: number;
  /** What the whole text must match, and how to say it. */
  pattern?: RegExp;
  form?: string;
}

export function string<D extends string | undefined>(options: Common<D> & TextBounds): Key<string | D> {
  return keyOf<string, D>(options, {
    type: "text",
    range: textRange(options),
    parse: (raw) => textOf(raw, options),
    show: String,
  });
}

/** A text that is never shown. Only the environment, its `…_FILE` form and flags may give it; in a YAML file it is a problem. */
export function secret<D extends string | undefined>(options: Common<D> & TextBounds): Key<string | D> {
  return keyOf<string, D>(options, {
    type: "secret",
    range: textRange(options),
    secret: true,
    parse: (raw) => textOf(raw, options),
    show: () => "[secret]",
  });
}

export function oneOf<const V extends string>(values: readonly V[], options: Common<NoInfer<V>>): Key<V>;
export function oneOf<const V extends string>(
  values: readonly V[],
  options: Common<NoInfer<V> | undefined>,
): Key<V | undefined>;
export function oneOf<const V extends string>(
  values: readonly V[],
  options: Common<V | undefined>,
): Key<V | undefined> {
  return keyOf<V, V | undefined>(options, {
    type: "one of",
    range: values.join(" | "),
    parse: (raw) => values.find((value) => value === raw),
    show: String,
  });
}

interface ListBounds {
  itemsMin?: number;
  /** Default 100. */
  itemsMax?: number;
}

/** Texts: a YAML list, or separated by commas. */
export function list<D extends readonly string[] | undefined>(
  options: Common<D> & TextBounds & ListBounds,
): Key<readonly string[] | D> {
  const { itemsMin = 0, itemsMax = 100 } = options;
  return keyOf<readonly string[], D>(options, {
    type: "list",
    range: `${itemsMin}…${itemsMax} items, each ${textRange(options)}`,
    parse(raw) {
      const items = typeof raw === "string" ? splitText(raw) : raw;
      if (!Array.isArray(items) || items.length < itemsMin || items.length > itemsMax) return undefined;
      const texts: string[] = [];
      for (const item of items) {
        const text = textOf(item, options);
        if (text === undefined) return undefined;
        texts.push(text);
      }
      return texts;
    },
    show: (value) => value.join(","),
  });
}

function keyOf<T, D extends T | undefined>(options: Common<D>, shape: Shape<T>): Key<T | D> {
  const defaults = perEnvironment(options.default);
  for (const value of [defaults.development, defaults.production]) {
    if (
      value !== undefined &&
      shape.parse(shape.type === "duration" && typeof value === "number" ? `${value}ms` : value) === undefined
    ) {
      throw new RangeError(`default ${String(value)} is not within ${shape.range} (${options.doc})`);
    }
  }
  return {
    kind: "key",
    type: shape.type,
    range: shape.range,
    doc: options.doc,
    defaults,
    hot: options.hot ?? false,
    secret: shape.secret ?? false,
    env: options.env,
    parse(raw) {
      const value = shape.parse(raw);
      return value === undefined ? { ok: false } : { ok: true, value };
    },
    show: (value) => (value === undefined ? "" : shape.show(value)),
  };
}

function perEnvironment<D>(given: D | ByEnvironment<D>): ByEnvironment<D> {
  const both = (value: D | ByEnvironment<D>): value is ByEnvironment<D> =>
    typeof value === "object" && value !== null && "development" in value && "production" in value;
  return both(given) ? given : { development: given, production: given };
}

function numberOf(raw: unknown, form: RegExp): number | undefined {
  if (typeof raw === "number") return raw;
  return typeof raw === "string" && form.test(raw.trim()) ? Number(raw) : undefined;
}

function within(value: number | undefined, bounds: Bounds, fits: (value: number) => boolean): number | undefined {
  return value !== undefined && fits(value) && value >= bounds.min && value <= bounds.max ? value : undefined;
}

function textOf(raw: unknown, bounds: TextBounds): string | undefined {
  const text = typeof raw === "number" || typeof raw === "boolean" ? String(raw) : raw;
  if (typeof text !== "string") return undefined;
  const { lengthMin = 1, lengthMax = 4096, pattern } = bounds;
  if (text.length < lengthMin || text.length > lengthMax) return undefined;
  return pattern === undefined || pattern.test(text) ? text : undefined;
}

function textRange(bounds: TextBounds): string {
  const length = `${bounds.lengthMin ?? 1}…${bounds.lengthMax ?? 4096} characters`;
  const form = bounds.form ?? bounds.pattern?.source;
  return form === undefined ? length : `${length}, ${form}`;
}

function splitText(text: string): string[] {
  return text.trim() === "" ? [] : text.split(",").map((item) => item.trim());
}
