import { afterAll, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadKeys } from "./keys.ts";

/** What the promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const folder = await mkdtemp(join(tmpdir(), "gochat-keys-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a missing file is made once, mode 0600, and read again on the next start", async () => {
  const file = join(folder, "new", "jwt-keys.json");
  const first = await loadKeys({ file });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const second = await loadKeys({ file });
  expect(second.jwks()).toEqual(first.jwks());
  expect(first.jwks().keys).toHaveLength(1);
});

test("processes that start together agree on one key and leave no drafts behind", async () => {
  const file = join(folder, "race", "jwt-keys.json");
  const all = await Promise.all(Array.from({ length: 8 }, () => loadKeys({ file })));
  expect(new Set(all.map((keys) => keys.jwks().keys[0]?.kid)).size).toBe(1);
  expect(await readdir(join(folder, "race"))).toEqual(["jwt-keys.json"]);
});

test("the key set shows public halves only, each with its key id", async () => {
  const file = join(folder, "public.json");
  const keys = await loadKeys({ file });
  const secret: { keys: { d: string }[] } = JSON.parse(await readFile(file, "utf8"));
  const published = JSON.stringify(keys.jwks());
  expect(published).not.toContain('"d"');
  expect(published).not.toContain(secret.keys[0]?.d ?? "missing");
  const [only] = keys.jwks().keys;
  expect(only).toMatchObject({ kty: "OKP", crv: "Ed25519", alg: "EdDSA", use: "sig" });
  expect(keys.find(only?.kid ?? "")?.kid).toBe(only?.kid);
});

test("spec 10 §3: the next key is published before it signs, the old one stays known", async () => {
  const one = join(folder, "one.json");
  const two = join(folder, "two.json");
  await loadKeys({ file: one });
  await loadKeys({ file: two });
  const [old] = JSON.parse(await readFile(one, "utf8")).keys;
  const [next] = JSON.parse(await readFile(two, "utf8")).keys;
  const file = join(folder, "rotating.json");
  await writeFile(file, JSON.stringify({ keys: [old, { ...next, active_from: 1000 }] }), { mode: 0o600 });
  const keys = await loadKeys({ file });
  expect(keys.current(999).kid).toBe(old.kid);
  expect(keys.current(1000).kid).toBe(next.kid);
  expect(keys.jwks().keys.map((key) => key.kid)).toEqual([old.kid, next.kid]);
  expect(keys.find(old.kid)).toBeDefined();
});

test("a damaged file is refused without showing its content, and a readable one is warned of", async () => {
  const damaged = join(folder, "damaged.json");
  await writeFile(damaged, "s3cret{", { mode: 0o600 });
  const error = await loadKeys({ file: damaged }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(String(error)).toContain("not JSON");
  expect(String(error)).not.toContain("s3cret");
  await writeFile(damaged, '{"keys":[{"kty":"RSA"}]}');
  expect(String(await failure(loadKeys({ file: damaged })))).toContain("not a private Ed25519 key");

  const open = join(folder, "open.json");
  await loadKeys({ file: open });
  const { chmod } = await import("node:fs/promises");
  await chmod(open, 0o644);
  const warnings: string[] = [];
  await loadKeys({ file: open, onWarning: (message) => warnings.push(message) });
  expect(warnings).toHaveLength(1);
});
