import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { type Keys, loadKeys } from "./keys.ts";
import { createTokens, parseStoredClaims, type Tokens, tokenHash } from "./tokens.ts";

const lives = {
  accessTtlSeconds: 86_400,
  refreshTtlSeconds: 2_592_000,
  guestAccessTtlSeconds: 3_600,
  guestRefreshTtlSeconds: 86_400,
};
const alice = { id: "1234567890123456789", isGuest: false };
const sid = "0190b5a0-0000-7000-8000-000000000001";
let folder: string;
let keys: Keys;
let tokens: Tokens;
let now = 1_800_000_000_000;
let ids = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gochat-tokens-"));
  keys = await loadKeys({ file: join(folder, "keys.json") });
  tokens = createTokens(lives, { keys, clock: () => now, newId: () => `id-${++ids}` });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function decode(part: string | undefined): unknown {
  return JSON.parse(Buffer.from(part ?? "", "base64url").toString());
}

test("spec 10 §3: header and claims of both tokens", async () => {
  const pair = await tokens.issue(alice, sid);
  const [header, payload] = pair.accessToken.split(".");
  expect(decode(header)).toEqual({ alg: "EdDSA", kid: keys.current(0).kid, typ: "JWT" });
  const iat = now / 1000;
  const common = { sub: alice.id, user_id: alice.id, sid, is_guest: false, iat, iss: "im-logic" };
  expect(decode(payload)).toEqual({ ...common, type: "access", jti: pair.stored.access_jti, exp: iat + 86_400 });
  expect(decode(pair.refreshToken.split(".")[1])).toEqual({
    ...common,
    type: "refresh",
    jti: pair.stored.jti,
    exp: iat + 2_592_000,
  });
  const guest = await tokens.issue({ ...alice, isGuest: true }, sid);
  expect(guest.accessExpiresAt).toBe(iat + 3_600);
  expect(guest.refreshExpiresAt).toBe(iat + 86_400);
});

test("stored claims give the same pair again, byte for byte, and hold no token", async () => {
  const pair = await tokens.issue(alice, sid);
  const json = JSON.stringify(pair.stored);
  expect(json).not.toContain(pair.refreshToken.split(".")[2] ?? "");
  now += 20_000;
  const stored = parseStoredClaims(json);
  if (!stored) throw new Error("unreadable");
  const again = await tokens.reissue(alice.id, sid, stored);
  expect(again?.refreshToken).toBe(pair.refreshToken);
  expect(again?.accessToken).toBe(pair.accessToken);
  expect(await tokens.reissue(alice.id, sid, { ...stored, kid: "gone" })).toBeUndefined();
});

test.each(["", "null", "[]", "{}", '{"jti":1}', "{"])("stored claims %p are not read", (json) => {
  expect(parseStoredClaims(json)).toBeUndefined();
});

test("a token is good for its type only, until its end", async () => {
  const pair = await tokens.issue(alice, sid);
  expect(await tokens.verify(pair.accessToken, "access")).toMatchObject({
    is: "valid",
    claims: { sid, type: "access" },
  });
  expect(await tokens.verify(pair.accessToken, "refresh")).toEqual({ is: "invalid" });
  expect(await tokens.verify(pair.refreshToken, "access")).toEqual({ is: "invalid" });
  now += 86_400_000 - 1;
  expect((await tokens.verify(pair.accessToken, "access")).is).toBe("valid");
  now += 1;
  expect((await tokens.verify(pair.accessToken, "access")).is).toBe("expired");
  expect((await tokens.verify(pair.accessToken, "refresh")).is).toBe("invalid");
});

test("G7: forged tokens are invalid, and none makes the verifier throw", async () => {
  const { accessToken } = await tokens.issue(alice, sid);
  const [header = "", payload = "", signature = ""] = accessToken.split(".");
  const forged = Buffer.from(JSON.stringify({ ...(decode(payload) as object), sub: "1", user_id: "1" })).toString(
    "base64url",
  );
  const none = Buffer.from(JSON.stringify({ alg: "none", typ: "JWT" })).toString("base64url");
  const publicKey = keys.jwks().keys[0];
  const confused = await new SignJWT(decode(payload) as Record<string, unknown>)
    .setProtectedHeader({ alg: "HS256", kid: publicKey?.kid ?? "" })
    .sign(new TextEncoder().encode(publicKey?.x));
  const elsewhere = await loadKeys({ file: join(folder, "elsewhere.json") });
  const foreign = await createTokens(lives, { keys: elsewhere, clock: () => now, newId: () => "x" }).issue(alice, sid);
  const bad = [
    "",
    "a.b.c",
    `${header}.${forged}.${signature}`,
    `${header}.${payload}.`,
    `${none}.${payload}.`,
    `${header}.${payload}.${signature.replace(/^./, (c) => (c === "A" ? "B" : "A"))}`,
    confused,
    foreign.accessToken,
    `${accessToken}${"x".repeat(5_000)}`,
    "'; DROP TABLE users;--",
  ];
  for (const token of bad) expect(await tokens.verify(token, "access")).toEqual({ is: "invalid" });
});

test("a token signed by a known key but with other claims is invalid", async () => {
  const key = keys.current(0);
  const good = {
    sub: "7",
    user_id: "7",
    type: "access",
    sid,
    jti: "j",
    is_guest: false,
    iat: 1,
    exp: 4_000_000_000,
    iss: "im-logic",
  };
  const sign = (claims: Record<string, unknown>) =>
    new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid: key.kid }).sign(key.privateKey);
  expect((await tokens.verify(await sign(good), "access")).is).toBe("valid");
  for (const change of [
    { iss: "other" },
    { user_id: "8" },
    { sub: "x", user_id: "x" },
    { sid: 1 },
    { is_guest: "no" },
    { type: "admin" },
    { exp: "later" },
  ]) {
    expect((await tokens.verify(await sign({ ...good, ...change }), "access")).is).toBe("invalid");
  }
});

test("tokens outlive the rotation of their key while the old key is in the file", async () => {
  const first = join(folder, "a.json");
  const second = join(folder, "b.json");
  await Promise.all([loadKeys({ file: first }), loadKeys({ file: second })]);
  const [a] = JSON.parse(await readFile(first, "utf8")).keys;
  const [b] = JSON.parse(await readFile(second, "utf8")).keys;
  const deps = { clock: () => now, newId: () => "n" };
  const before = await createTokens(lives, { ...deps, keys: await loadKeys({ file: first }) }).issue(alice, sid);
  await writeFile(first, JSON.stringify({ keys: [a, { ...b, active_from: 1 }] }), { mode: 0o600 });
  const after = createTokens(lives, { ...deps, keys: await loadKeys({ file: first }) });
  expect((await after.verify(before.accessToken, "access")).is).toBe("valid");
  expect((await after.reissue(alice.id, sid, before.stored))?.refreshToken).toBe(before.refreshToken);
  expect((await after.issue(alice, sid)).stored.kid).toBe(b.kid);
});

test("tokenHash is SHA-256 in hex", () => {
  expect(tokenHash("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});
