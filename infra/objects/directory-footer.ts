import type { FileHandle } from "node:fs/promises";

/** The facts of an object, kept behind its bytes: one file, so that both are replaced at once. */
export interface Footer {
  readonly contentType: string;
  readonly etag: string;
}

export const footerBytes = 256;

export function writeFooter(footer: Footer): Uint8Array {
  const text = JSON.stringify([footer.contentType, footer.etag]);
  return new TextEncoder().encode(text.padEnd(footerBytes));
}

/** `size`: bytes before the footer. Throws when the file has none. */
export async function readFooter(file: FileHandle, size: number): Promise<Footer> {
  const bytes = Buffer.alloc(footerBytes);
  await file.read(bytes, 0, footerBytes, size);
  const value: unknown = JSON.parse(bytes.toString());
  if (!Array.isArray(value)) throw new TypeError("the file is no object of this store");
  const [contentType, etag]: unknown[] = value;
  return { contentType: String(contentType), etag: String(etag) };
}
