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
export type ValueOf<K extends Kind> = Values[K];

/** Value, time to live and bookkeeping in one object: there may be hundreds of thousands. Which kind it is, its value tells. */
export class Entry {
  value: ValueOf<Kind>;
  /** Infinity: stays. */
  expiresAtMs: number;
  /** Estimated, with the key. */
  bytes: number;
  /** Set by every access, cleared by the eviction's hand (second chance). What is written once and never read goes first. */
  used: boolean;

  /** All is set here: fields with values of their own make it 64 B instead of 48. */
  constructor(value: ValueOf<Kind>, bytes: number) {
    this.value = value;
    this.expiresAtMs = Number.POSITIVE_INFINITY;
    this.bytes = bytes;
    this.used = false;
  }

  get kind(): Kind {
    const { value } = this;
    if (typeof value === "string") return "string";
    if (value instanceof SmallMap) return "hash";
    return value instanceof Set ? "set" : "zset";
  }

  /** Throws WrongTypeError where it is of another kind. */
  as<K extends Kind>(key: string, kind: K): ValueOf<K> {
    const is = (_: ValueOf<Kind>): _ is ValueOf<K> => this.kind === kind;
    if (!is(this.value)) throw new WrongTypeError(`${key} holds a ${this.kind}, not a ${kind}`);
    return this.value;
  }
}

export const emptyOf: { readonly [K in Kind]: () => ValueOf<K> } = {
  string: () => "",
  hash: () => new SmallMap(),
  set: () => new Set(),
  zset: () => ({ scores: new Map(), ordered: undefined }),
};

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
