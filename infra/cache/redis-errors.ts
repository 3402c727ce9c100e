import { CacheUnavailableError, WrongTypeError } from "./cache.ts";

/** Answers of a server that cannot serve now, though it is there. */
const away = new Set([
  "ASK",
  "BUSY",
  "CLUSTERDOWN",
  "LOADING",
  "MASTERDOWN",
  "MISCONF",
  "MOVED",
  "NOAUTH",
  "NOPERM",
  "NOREPLICAS",
  "OOM",
  "READONLY",
  "TRYAGAIN",
  "UNKILLABLE",
  "WRONGPASS",
]);

/** True for an answer of the server, as opposed to a connection that failed. */
export function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === "ReplyError";
}

export const isUnknownScript = (error: unknown): boolean => isReply(error) && error.message.startsWith("NOSCRIPT");

/** What went wrong, in the words of cache.ts. A script that failed on the server stays as it is: it is an error of the program. */
export function translate(error: unknown, where: string): Error {
  if (error instanceof CacheUnavailableError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (!isReply(error))
    return new CacheUnavailableError(`the cache at ${where} cannot be reached: ${text}`, { cause: error });
  const code = text.slice(0, text.indexOf(" "));
  if (code === "WRONGTYPE" || /value is not an integer|would overflow/.test(text))
    return new WrongTypeError(text, { cause: error });
  if (away.has(code))
    return new CacheUnavailableError(`the cache at ${where} does not serve: ${text}`, { cause: error });
  return error;
}
