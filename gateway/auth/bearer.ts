import { AppError } from "#proto/errors.ts";

/** The token of `Authorization: Bearer`, undefined without the header. Throws UNAUTHORIZED for another form. */
export function bearerToken(headers: Headers): string | undefined {
  const header = headers.get("authorization");
  if (header === null) return undefined;
  const match = /^Bearer ([^\s]+)$/i.exec(header);
  if (match?.[1] === undefined) throw new AppError("UNAUTHORIZED");
  return match[1];
}
