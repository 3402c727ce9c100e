import { countChars, GUEST_PREFIX, USERNAME_CHARS_MAX, USERNAME_CHARS_MIN } from "#proto/limits.ts";
import { usernameKey } from "#proto/username.ts";

/** Why a user name is refused; the text is for the person who chose it. */
export type NameVerdict =
  | { readonly ok: true; readonly username: string }
  | { readonly ok: false; readonly reason: string };

/** Letters of any script (with the combining marks they are written with), ASCII digits, underscore. Invisible letters such
 *  as the Hangul fillers would make two names look alike. */
const allowed = /^(?:[\p{L}0-9_]\p{M}{0,4})+$/u;
const invisible = /\p{Default_Ignorable_Code_Point}/u;

/** Checks a name that somebody wants (spec 10 §2): 3–20 characters after NFKC, which is the form that is stored and shown.
 *  Whether it is taken is the database's to say. */
export function checkUsername(wanted: string): NameVerdict {
  // NFKC can make a text 18 times as long: do not normalise what is too long already.
  if (wanted.length > 4 * USERNAME_CHARS_MAX) return { ok: false, reason: `at most ${USERNAME_CHARS_MAX} characters` };
  const username = wanted.normalize("NFKC");
  const chars = countChars(username);
  if (chars < USERNAME_CHARS_MIN || chars > USERNAME_CHARS_MAX)
    return { ok: false, reason: `${USERNAME_CHARS_MIN} to ${USERNAME_CHARS_MAX} characters` };
  if (!allowed.test(username) || invisible.test(username)) {
    return { ok: false, reason: "only letters, digits and underscore" };
  }
  if (usernameKey(username).startsWith(GUEST_PREFIX)) return { ok: false, reason: `${GUEST_PREFIX} is reserved` };
  return { ok: true, username };
}
