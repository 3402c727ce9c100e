import { hash } from "node:crypto";
import type { Identity } from "./token-verifier.ts";

/** Tokens whose signature was verified, by 128 bits of their SHA-256: another token of the same bits cannot be made. Columns
 *  in the place of objects, since there is one entry for every session that connected in the last minute: 60 bytes each,
 *  where a map of objects took 250. */
export interface TokenMemory {
  /** Undefined: not known, or its time is over. */
  recall(token: string, nowMs: number): Identity | undefined;
  /** Past the bound the oldest is forgotten. */
  remember(token: string, identity: Identity, untilMs: number): void;
  /** Lets go of those whose time is over, the oldest first. */
  sweep(nowMs: number): void;
  readonly size: number;
}

const words = 4;
const slotsMin = 256;

/** One ring of slots; the oldest is at `first`. */
interface Columns {
  readonly slots: number;
  /** `words` per slot. */
  readonly digests: Int32Array;
  readonly userIds: BigUint64Array;
  readonly sids: string[];
  readonly guests: Uint8Array;
  readonly expiresAtS: Float64Array;
  readonly untilMs: Float64Array;
  /** Chains of a hash table: the slot plus one, 0 at the end. */
  readonly heads: Int32Array;
  readonly next: Int32Array;
}

/** `tokensMax`: 0 remembers nothing. */
export function createTokenMemory(tokensMax: number): TokenMemory {
  const digest = new Int32Array(words);
  let columns = columnsOf(Math.min(slotsMin, tokensMax));
  let first = 0;
  let size = 0;

  /** 1 µs; Bun.CryptoHasher takes 3 to 12. */
  function read(token: string): void {
    const bytes = hash("sha256", token, "latin1");
    for (let word = 0; word < words; word += 1) {
      let value = 0;
      for (let at = 0; at < 4; at += 1) value = (value << 8) | bytes.charCodeAt(word * 4 + at);
      digest[word] = value;
    }
  }

  function bucketOf(slot: number): number {
    return (columns.digests[slot * words] ?? 0) & (columns.heads.length - 1);
  }

  function isAt(slot: number): boolean {
    for (let word = 0; word < words; word += 1) if (columns.digests[slot * words + word] !== digest[word]) return false;
    return true;
  }

  function link(slot: number): void {
    const bucket = bucketOf(slot);
    columns.next[slot] = columns.heads[bucket] ?? 0;
    columns.heads[bucket] = slot + 1;
  }

  function dropOldest(): void {
    const { heads, next, sids } = columns;
    const link = first + 1;
    const bucket = bucketOf(first);
    if (heads[bucket] === link) heads[bucket] = next[first] ?? 0;
    else {
      let before = (heads[bucket] ?? 0) - 1;
      while (before >= 0 && next[before] !== link) before = (next[before] ?? 0) - 1;
      if (before >= 0) next[before] = next[first] ?? 0;
    }
    sids[first] = "";
    first = (first + 1) % columns.slots;
    size -= 1;
  }

  function resize(slots: number): void {
    const old = columns;
    columns = columnsOf(slots);
    for (let at = 0; at < size; at += 1) {
      const from = (first + at) % old.slots;
      columns.digests.set(old.digests.subarray(from * words, (from + 1) * words), at * words);
      columns.userIds[at] = old.userIds[from] ?? 0n;
      columns.sids[at] = old.sids[from] ?? "";
      columns.guests[at] = old.guests[from] ?? 0;
      columns.expiresAtS[at] = old.expiresAtS[from] ?? 0;
      columns.untilMs[at] = old.untilMs[from] ?? 0;
      link(at);
    }
    first = 0;
  }

  return {
    recall(token, nowMs) {
      if (size === 0) return undefined;
      read(token);
      const { heads, next, untilMs, userIds, sids, guests, expiresAtS } = columns;
      let slot = (heads[(digest[0] ?? 0) & (heads.length - 1)] ?? 0) - 1;
      // The latest is first in its chain.
      while (slot >= 0 && !isAt(slot)) slot = (next[slot] ?? 0) - 1;
      if (slot < 0 || nowMs >= (untilMs[slot] ?? 0)) return undefined;
      return {
        userId: String(userIds[slot]),
        sid: sids[slot] ?? "",
        isGuest: guests[slot] === 1,
        expiresAtS: expiresAtS[slot] ?? 0,
      };
    },
    remember(token, { userId, sid, isGuest, expiresAtS }, untilMs) {
      if (tokensMax === 0) return;
      if (size === columns.slots) {
        if (columns.slots < tokensMax) resize(Math.min(columns.slots * 2, tokensMax));
        else dropOldest();
      }
      read(token);
      const slot = (first + size) % columns.slots;
      size += 1;
      columns.digests.set(digest, slot * words);
      columns.userIds[slot] = BigInt(userId);
      columns.sids[slot] = sid;
      columns.guests[slot] = isGuest ? 1 : 0;
      columns.expiresAtS[slot] = expiresAtS;
      columns.untilMs[slot] = untilMs;
      link(slot);
    },
    sweep(nowMs) {
      // In order of insertion, so of expiry, but for tokens that themselves end sooner.
      while (size > 0 && (columns.untilMs[first] ?? 0) <= nowMs) dropOldest();
      if (size === 0 && columns.slots > slotsMin) resize(slotsMin);
    },
    get size() {
      return size;
    },
  };
}

function columnsOf(slots: number): Columns {
  return {
    slots,
    digests: new Int32Array(slots * words),
    userIds: new BigUint64Array(slots),
    sids: new Array<string>(slots).fill(""),
    guests: new Uint8Array(slots),
    expiresAtS: new Float64Array(slots),
    untilMs: new Float64Array(slots),
    heads: new Int32Array(Math.max(1, 2 ** Math.ceil(Math.log2(slots)))),
    next: new Int32Array(slots),
  };
}
