import { timingSafeEqual } from "node:crypto";
import {
  attachment,
  checkContentType,
  checkExpiry,
  checkKey,
  defaultContentType,
  type Objects,
  objectBytesMax,
} from "./objects.ts";

/** What a signed address allows. */
export interface Grant {
  readonly key: string;
  /** PUT: the most bytes, and the type that is stored. */
  readonly bytesMax: number;
  readonly contentType: string;
  /** GET: value of `Content-Disposition`. */
  readonly disposition: string | undefined;
}

export interface Signer extends Pick<Objects, "signUpload" | "signDownload"> {
  grant(method: string, url: string): Grant | undefined;
}

export interface SignerOptions {
  readonly publicUrl: string;
  readonly secret: string;
  /** Unix ms. Default `Date.now`. */
  readonly clock?: () => number;
}

/** Addresses with an HMAC-SHA256 over everything they allow. */
export function createSigner({ publicUrl, secret, clock = Date.now }: SignerOptions): Signer {
  const base = pathOf(publicUrl);
  const mac = (method: string, key: string, query: URLSearchParams): string => {
    const hasher = new Bun.CryptoHasher("sha256", secret);
    return hasher.update(JSON.stringify([method, key, [...query].toSorted()])).digest("base64url");
  };
  const sign = (method: string, key: string, given: Record<string, string>): string => {
    const query = new URLSearchParams(given);
    query.set("signature", mac(method, key, new URLSearchParams(given)));
    return `${publicUrl}/${key}?${query}`;
  };
  return {
    signUpload(key, { expiresMs, contentType = defaultContentType, bytesMax = objectBytesMax }) {
      checkKey(key);
      checkContentType(contentType);
      checkExpiry(expiresMs);
      const expiresAtMs = clock() + expiresMs;
      const url = sign("PUT", key, { expires: String(expiresAtMs), type: contentType, bytes: String(bytesMax) });
      return { url, method: "PUT", headers: { "content-type": contentType }, expiresAtMs };
    },
    signDownload(key, { expiresMs, fileName }) {
      checkKey(key);
      checkExpiry(expiresMs);
      const named = fileName === undefined ? {} : { name: fileName.toWellFormed().slice(0, 200) };
      return sign("GET", key, { expires: String(clock() + expiresMs), ...named });
    },
    grant(method, url) {
      const { pathname, searchParams: query } = new URL(url, "http://localhost");
      if (!pathname.startsWith(`${base}/`)) return undefined;
      const key = pathname.slice(base.length + 1);
      const given = query.get("signature") ?? "";
      query.delete("signature");
      // Whoever may read may also ask for the facts.
      const expected = mac(method === "HEAD" ? "GET" : method, key, query);
      if (!sameText(given, expected) || !(Number(query.get("expires")) > clock())) return undefined;
      const name = query.get("name");
      return {
        key,
        bytesMax: Number(query.get("bytes") ?? 0),
        contentType: query.get("type") ?? defaultContentType,
        disposition: name === null ? undefined : attachment(name),
      };
    },
  };
}

function pathOf(publicUrl: string): string {
  return new URL(publicUrl, "http://localhost").pathname.replace(/\/$/, "");
}

function sameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
