import { ERRORS, isErrorName, type Retry } from "#proto/errors.ts";

/** The retry column of the error table; a code that this SDK does not know is left to the user to fix. */
export function retryOf(code: string): Retry {
  if (code === "NETWORK_ERROR") return "same";
  return isErrorName(code) ? ERRORS[code].retry : "fix";
}

/** May a send that was refused at the entrance with `code` be repeated by itself, under the same id? A mute has no
 *  end that is worth waiting for in silence: the user shall see it. */
export function repeatable(code: string): boolean {
  const retry = retryOf(code);
  return retry === "same" || (retry === "after" && code !== "USER_MUTED");
}
