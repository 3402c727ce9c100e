import { randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, stat, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";

/** JWS algorithm name of Ed25519 signatures in every token header (RFC 8037). */
export const tokenAlgorithm = "EdDSA";

/** A key that can sign. `kid` is its RFC 7638 thumbprint. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** Unix s from which on it signs; it is published before. */
  readonly activeFrom: number;
}

/** Public half as in a JWK Set (RFC 7517), OKP / Ed25519. */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  readonly x: string;
  readonly kid: string;
  readonly alg: typeof tokenAlgorithm;
  readonly use: "sig";
}

/** The keys of one installation. Private halves never leave logic. */
export interface Keys {
  /** The key for new tokens at `now` (Unix s): the one most recently become active. */
  current(now: number): SigningKey;
  find(kid: string): SigningKey | undefined;
  /** Public halves of all keys, those not yet active included. */
  jwks(): { readonly keys: readonly PublicJwk[] };
}

/** Upper bound of keys in a file: the current, the next, and those whose last tokens still live. */
const keysMax = 8;

interface StoredKey extends JWK {
  active_from?: number;
}

/** Reads the key file, or makes one (a fresh Ed25519 pair, mode 0600) when there is none. Several processes may start at
 *  once: the file appears whole and once, and all of them read the same. Throws when it cannot be read or holds no key. */
export async function loadKeys(options: { file: string; onWarning?: (message: string) => void }): Promise<Keys> {
  const text = (await readText(options.file)) ?? (await createFile(options.file));
  const { mode } = await stat(options.file);
  if ((mode & 0o077) !== 0) {
    options.onWarning?.(`others can read the signing key file ${options.file}: run chmod 600 on it`);
  }
  return importKeys(text, options.file);
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function createFile(file: string): Promise<string> {
  const { privateKey } = await generateKeyPair(tokenAlgorithm, { crv: "Ed25519", extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  const stored: StoredKey = { ...jwk, kid, alg: tokenAlgorithm, use: "sig", active_from: 0 };
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}.tmp`;
  const handle = await open(draft, "wx", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ keys: [stored] }, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  try {
    // link() fails when the name exists, rename() would replace the key another process has begun to sign with.
    await link(draft, file);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    await unlink(draft);
  }
  return readFile(file, "utf8");
}

async function importKeys(text: string, file: string): Promise<Keys> {
  const stored = parseKeyFile(text, file);
  const keys = await Promise.all(stored.map((jwk) => importKey(jwk, file)));
  const byKid = new Map(keys.map((key) => [key.signing.kid, key.signing]));
  const newestFirst = [...byKid.values()].sort((a, b) => b.activeFrom - a.activeFrom);
  const jwks = { keys: keys.map((key) => key.public) };
  return {
    current(now) {
      const key = newestFirst.find((each) => each.activeFrom <= now) ?? newestFirst.at(-1);
      if (!key) throw new Error("no signing key"); // parseKeyFile lets no empty list through
      return key;
    },
    find: (kid) => byKid.get(kid),
    jwks: () => jwks,
  };
}

function parseKeyFile(text: string, file: string): StoredKey[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which is a secret: no cause here.
    throw new Error(`the signing key file ${file} is not JSON; restore it, or remove it to sign everybody out`);
  }
  const keys = typeof parsed === "object" && parsed !== null && "keys" in parsed ? parsed.keys : undefined;
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > keysMax) {
    throw new Error(`the signing key file ${file} must hold 1 to ${keysMax} keys`);
  }
  return keys;
}

async function importKey(jwk: StoredKey, file: string): Promise<{ signing: SigningKey; public: PublicJwk }> {
  const { x, d } = jwk;
  const kty = "OKP";
  const crv = "Ed25519";
  if (jwk.kty !== kty || jwk.crv !== crv || typeof x !== "string" || typeof d !== "string") {
    throw new Error(`the signing key file ${file} holds a key that is not a private Ed25519 key`);
  }
  const kid = jwk.kid ?? (await calculateJwkThumbprint(jwk));
  const publicJwk: PublicJwk = { kty, crv, x, kid, alg: tokenAlgorithm, use: "sig" };
  const [privateKey, publicKey] = await Promise.all([
    importJWK({ kty, crv, x, d }, tokenAlgorithm),
    importJWK({ kty, crv, x }, tokenAlgorithm),
  ]);
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) throw new Error("not an asymmetric key");
  return { signing: { kid, privateKey, publicKey, activeFrom: jwk.active_from ?? 0 }, public: publicJwk };
}
