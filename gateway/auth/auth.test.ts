import { beforeAll, expect, test } from "bun:test";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import { AppError } from "#proto/errors.ts";
import { createKeySet, type KeySet } from "./key-set.ts";
import { createTokenCheck } from "./token-check.ts";
import { createTokenVerifier, type TokenVerifier } from "./token-verifier.ts";

const issuer = "im-logic";
const sid = "0190b2f0-0000-7000-8000-000000000001";
const now = { ms: 1_700_000_000_000 };
const clock = (): number => now.ms;

interface Signer {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: object;
}

function signer(kid: string): Signer {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  return { kid, privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "EdDSA" } };
}

function token(
  by: Signer,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const seconds = Math.floor(now.ms / 1000);
  const all = {
    sub: "42",
    user_id: "42",
    type: "access",
    sid,
    is_guest: false,
    iss: issuer,
    exp: seconds + 3600,
    ...claims,
  };
  return new SignJWT(all).setProtectedHeader({ alg: "EdDSA", kid: by.kid, ...header }).sign(by.privateKey);
}

const first = signer("k1");
const next = signer("k2");
let published: Signer[];
let asked: number;
let away: boolean;
let keys: KeySet;
let verifier: TokenVerifier;

function fresh(): void {
  now.ms = 1_700_000_000_000;
  published = [first];
  asked = 0;
  away = false;
  keys = createKeySet({
    clock,
    ask: async () => {
      asked += 1;
      if (away) throw new AppError("SERVICE_UNAVAILABLE");
      return { jwks: JSON.stringify({ keys: published.map(({ jwk }) => jwk) }), maxAgeSeconds: 300 };
    },
  });
  verifier = createTokenVerifier({ issuer, verifiedMax: 3, verifiedMs: 60_000 }, { keys, clock });
}
beforeAll(fresh);

async function codeOf(token: string | undefined): Promise<string> {
  return verifier.verify(token).then(
    () => "ok",
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
}

test("20 §1: a good token tells its bearer", async () => {
  fresh();
  expect(await verifier.verify(await token(first))).toMatchObject({
    userId: "42",
    sid,
    isGuest: false,
    expiresAtS: 1_700_003_600,
  });
});

test("20 §1: missing, malformed, expired, wrong type, wrong issuer, foreign signature are refused by their codes", async () => {
  fresh();
  const good = await token(first);
  expect(await codeOf(undefined)).toBe("UNAUTHORIZED");
  expect(await codeOf("")).toBe("UNAUTHORIZED");
  for (const bad of ["x", "a.b.c", "' OR 1=1 --", `${good}x`, good.slice(0, -4), "9".repeat(5000)]) {
    expect(await codeOf(bad)).toBe("INVALID_TOKEN");
  }
  expect(await codeOf(await token(first, { exp: 1_699_999_999 }))).toBe("TOKEN_EXPIRED");
  expect(await codeOf(await token(first, { type: "refresh" }))).toBe("INVALID_TOKEN");
  expect(await codeOf(await token(first, { iss: "other" }))).toBe("INVALID_TOKEN");
  expect(await codeOf(await token(first, { sub: "1 OR 1=1" }))).toBe("INVALID_TOKEN");
  expect(await codeOf(await token(first, { sid: "" }))).toBe("INVALID_TOKEN");
  expect(await codeOf(await token({ ...next, kid: "k1" }))).toBe("INVALID_TOKEN");
});

test("20 §1: other algorithms are refused, also when the public key is their secret", async () => {
  fresh();
  const payload = (await token(first)).split(".")[1];
  const none = Buffer.from(JSON.stringify({ alg: "none", kid: "k1" })).toString("base64url");
  expect(await codeOf(`${none}.${payload}.`)).toBe("INVALID_TOKEN");
  const secret = Buffer.from(JSON.stringify(first.jwk));
  const hs = await new SignJWT({ sub: "42", type: "access", sid, iss: issuer, exp: 1_700_003_600 })
    .setProtectedHeader({ alg: "HS256", kid: "k1" })
    .sign(secret);
  expect(await codeOf(hs)).toBe("INVALID_TOKEN");
});

test("a remembered token still expires, and its session can be revoked", async () => {
  fresh();
  const short = await token(first, { exp: 1_700_000_010 });
  expect(await codeOf(short)).toBe("ok");
  now.ms += 10_000;
  expect(await codeOf(short)).toBe("TOKEN_EXPIRED");
  const good = await token(first);
  expect(await codeOf(good)).toBe("ok");
  verifier.revoke(sid);
  expect(await codeOf(good)).toBe("INVALID_TOKEN");
});

test("G4: verified tokens are remembered up to the bound", async () => {
  fresh();
  for (let index = 0; index < 10; index += 1)
    expect(await codeOf(await token(first, { jti: String(index) }))).toBe("ok");
});

test("30 §3: an unknown key id asks again, at most once in 10 s, and a rotated key works", async () => {
  fresh();
  expect(await codeOf(await token(first))).toBe("ok");
  expect(asked).toBe(1);
  for (let index = 0; index < 5; index += 1) expect(await codeOf(await token(next))).toBe("INVALID_TOKEN");
  expect(asked).toBe(1);
  now.ms += 10_000;
  published = [first, next];
  expect(await codeOf(await token(next))).toBe("ok");
  expect(asked).toBe(2);
});

test("the keys already known stay good while logic is away", async () => {
  fresh();
  expect(await codeOf(await token(first))).toBe("ok");
  away = true;
  now.ms += 3_000_000;
  expect(await codeOf(await token(first, { jti: "later" }))).toBe("ok");
  expect(asked).toBe(2);
});

test("without any key and logic away the answer is not the token's fault", async () => {
  fresh();
  away = true;
  expect(await codeOf(await token(first))).toBe("SERVICE_UNAVAILABLE");
});

test("10 §3: logic is asked once per token and minute; a refusal has its code, a failed question is asked again", async () => {
  fresh();
  const good = await token(first);
  let validity = { valid: true, refusedAs: "" };
  let questions = 0;
  let broken = false;
  const check = createTokenCheck(
    { answersMax: 10, answerMs: 60_000 },
    {
      verifier,
      clock,
      ask: async () => {
        questions += 1;
        if (broken) throw new AppError("SERVICE_UNAVAILABLE");
        return validity;
      },
    },
  );
  const code = async (): Promise<string> =>
    check.identify(good).then(
      ({ userId }) => userId,
      (error: unknown) => (error instanceof AppError ? error.code : "?"),
    );
  expect(await Promise.all([code(), code(), code()])).toEqual(["42", "42", "42"]);
  expect(questions).toBe(1);
  validity = { valid: false, refusedAs: "USER_DISABLED" };
  now.ms += 60_000;
  expect(await code()).toBe("USER_DISABLED");
  check.forget(good);
  broken = true;
  expect(await code()).toBe("SERVICE_UNAVAILABLE");
  broken = false;
  validity = { valid: false, refusedAs: "INVALID_TOKEN" };
  expect(await code()).toBe("INVALID_TOKEN");
});
