import { type Scored, WrongTypeError } from "./cache.ts";
import { SmallMap } from "./small-map.ts";

/** Members by score, ordered when asked for. */
export interface SortedSet {
  readonly scores: Map<string, number>;
  /** By score, then member as bytes; undefined after a change. */
  ordered: Scored[] | undefined;
}

interface Values {
  string: string;
  hash: SmallMap;
  set: Set<string>;
  zset: SortedSet;
}
export type Kind = keyof Values;
export interface Box<K extends Kind> {
  readonly kind: K;
  value: Values[K];
}
export type Content = { [K in Kind]: Box<K> }[Kind];

export interface Entry {
  readonly content: Content;
  /** Infinity: stays. */
  expiresAtMs: number;
  /** Estimated, with the key. */
  bytes: number;
  /** Set by every access, cleared by the eviction's hand (second chance). */
  used: boolean;
}

export const emptyOf = {
  string: (): Content => ({ kind: "string", value: "" }),
  hash: (): Content => ({ kind: "hash", value: new SmallMap() }),
  set: (): Content => ({ kind: "set", value: new Set() }),
  zset: (): Content => ({ kind: "zset", value: { scores: new Map(), ordered: undefined } }),
} as const satisfies Record<Kind, () => Content>;

/** Throws WrongTypeError where the key holds another kind. */
export function expectKind<K extends Kind>(key: string, content: Content, kind: K): Box<K> {
  const is = (one: Content): one is Content & Box<K> => one.kind === kind;
  if (!is(content)) throw new WrongTypeError(`${key} holds a ${content.kind}, not a ${kind}`);
  return content;
}

/** Members by score, then as bytes. */
export function orderOf(set: SortedSet): readonly Scored[] {
  set.ordered ??= [...set.scores]
    .map(([member, score]) => ({ member, score }))
    .sort((a, b) => a.score - b.score || compareBytes(a.member, b.member));
  return set.ordered;
}

/** UTF-16 order differs from byte order only above the surrogates; the servers order by bytes. */
function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const keyOverheadBytes = 96;
const itemOverheadBytes = 48;

/** An upper estimate of what a text costs in memory. */
export const textBytes = (text: string): number => text.length * 2;
export const itemBytes = (text: string): number => textBytes(text) + itemOverheadBytes;
export const keyBytes = (key: string): number => textBytes(key) + keyOverheadBytes;
