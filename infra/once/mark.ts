/** What the key of an operation holds. `fingerprint` is a digest, empty when there is none. */
export type Mark =
  | { readonly at: "running"; readonly owner: string; readonly fingerprint: string }
  | { readonly at: "done"; readonly fingerprint: string; readonly value?: unknown };

export function readMark(text: string): Mark {
  const mark: unknown = JSON.parse(text);
  if (
    typeof mark !== "object" ||
    mark === null ||
    !("at" in mark) ||
    !("fingerprint" in mark) ||
    typeof mark.fingerprint !== "string"
  ) {
    throw new TypeError("an idempotency key holds no mark");
  }
  if (mark.at === "running" && "owner" in mark && typeof mark.owner === "string")
    return { at: "running", owner: mark.owner, fingerprint: mark.fingerprint };
  return { at: "done", fingerprint: mark.fingerprint, ...("value" in mark ? { value: mark.value } : undefined) };
}

/** SHA-256, so that a mark stays small and shows nothing of the body. */
export function digestOf(fingerprint: string | undefined): string {
  return fingerprint === undefined ? "" : new Bun.CryptoHasher("sha256").update(fingerprint).digest("base64url");
}
