import { AVATAR_URL_CHARS_MAX, textFault } from "#proto/limits.ts";
import { invalid } from "../rpc/arguments.ts";

/** What the store could refuse is refused at the entrance (spec 10 §1). */
export function checkText(text: string, field: string, charsMax: number): void {
  if (textFault(text, charsMax) !== undefined) throw invalid(field);
}

/** `http(s)` or `/api/files/…`, at most 255 characters, or nothing (spec 10 §2). */
export function checkAvatarUrl(url: string): void {
  if (url === "") return;
  checkText(url, "avatar_url", AVATAR_URL_CHARS_MAX);
  if (/^\/api\/files\/[A-Za-z0-9_./?=&-]+$/.test(url) && !url.includes("..")) return;
  const parsed = /^https?:\/\//i.test(url) && !/[\s<>"'`\\]/.test(url) ? URL.parse(url) : null;
  if (!parsed || (parsed.protocol !== "https:" && parsed.protocol !== "http:")) throw invalid("avatar_url");
}
