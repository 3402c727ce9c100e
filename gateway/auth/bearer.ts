import { AppError } from "#proto/errors.ts";

/** The token of `Authorization: Bearer`, undefined without the header. Throws UNAUTHORIZED for another form. */
export function bearerToken(headers: Headers): string | undefined {
  const header = headers.get("authorization");
  if (header === null) return undefined;
  const token = header.slice(scheme.length);
  const well = header.slice(0, scheme.length).toLowerCase() === scheme && token !== "";
  if (!well || token.includes(" ") || token.includes("\t")) throw new AppError("UNAUTHORIZED");
  return token;
}

const scheme = "bearer ";
