import { createPublicKey, type KeyObject } from "node:crypto";

/** What logic's `GetKeySet` answers. */
export interface PublishedKeys {
  /** A JWKS document: `{"keys":[{kty:"OKP",crv:"Ed25519",x,kid,…}]}`. */
  readonly jwks: string;
  /** Seconds for which the answer may be kept. */
  readonly maxAgeSeconds: number;
}

export interface KeySet {
  /** The Ed25519 public key of this id. An unknown id, or an answer past its age, asks again: at most once in 10 s, one
   *  question in flight. While logic is away the keys already known stay good. Undefined: no such key.
   *  Rejects with the error of the question when no key was ever read. */
  find(keyId: string): Promise<KeyObject | undefined>;
  /** Known without asking, or undefined. Lets the usual case stay in one turn. */
  known(keyId: string): KeyObject | undefined;
}

export interface KeySetDeps {
  readonly ask: () => Promise<PublishedKeys>;
  readonly clock: () => number;
}

const askAgainMs = 10_000;
/** Keys taken from one answer; there are two in practice, the current and the next. */
const keysMax = 16;

interface Jwk {
  readonly kty?: unknown;
  readonly crv?: unknown;
  readonly x?: unknown;
  readonly kid?: unknown;
}

export function createKeySet({ ask, clock }: KeySetDeps): KeySet {
  let keys = new Map<string, KeyObject>();
  let askedMs = Number.NEGATIVE_INFINITY;
  let staleMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;

  async function refresh(): Promise<void> {
    askedMs = clock();
    const answer = await ask();
    const read = readKeys(answer.jwks);
    // An empty set would sign everybody out; it can only be a mistake of the answering side.
    if (read.size > 0) keys = read;
    staleMs = clock() + Math.max(answer.maxAgeSeconds, askAgainMs / 1000) * 1000;
  }

  function refreshOnce(): Promise<void> {
    asking ??= refresh().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  return {
    known: (keyId) => (clock() < staleMs ? keys.get(keyId) : undefined),
    async find(keyId) {
      const key = keys.get(keyId);
      if (key !== undefined && clock() < staleMs) return key;
      if (asking === undefined && clock() - askedMs < askAgainMs && keys.size > 0) return key;
      try {
        await refreshOnce();
      } catch (error) {
        if (keys.size === 0) throw error;
      }
      return keys.get(keyId);
    },
  };
}

function readKeys(jwks: string): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>();
  const document: { keys?: readonly Jwk[] } = JSON.parse(jwks);
  for (const jwk of (document.keys ?? []).slice(0, keysMax)) {
    if (jwk.kty !== "OKP" || jwk.crv !== "Ed25519" || typeof jwk.x !== "string" || typeof jwk.kid !== "string")
      continue;
    keys.set(jwk.kid, createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: jwk.x }, format: "jwk" }));
  }
  return keys;
}
