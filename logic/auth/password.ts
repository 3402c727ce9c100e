import { type Bulkhead, BulkheadFullError } from "#infra/breaker/bulkhead.ts";
import { AppError } from "#proto/errors.ts";
import { countChars, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, utf8Bytes } from "#proto/limits.ts";

/** The rules of spec 10 §2 for a new password. Returns why it is refused, or undefined. */
export function passwordFault(password: string): string | undefined {
  // Every character is at least one byte, so this bounds the work of the rest.
  if (password.length > PASSWORD_BYTES_MAX || utf8Bytes(password) > PASSWORD_BYTES_MAX)
    return `at most ${PASSWORD_BYTES_MAX} bytes`;
  const chars = countChars(password);
  if (chars < PASSWORD_CHARS_MIN) return `at least ${PASSWORD_CHARS_MIN} characters`;
  if (chars > PASSWORD_CHARS_MAX) return `at most ${PASSWORD_CHARS_MAX} characters`;
  if (password.includes("\0") || !password.isWellFormed()) return "characters that cannot be stored";
  return undefined;
}

/** What a sign-in may send as password; longer text is not even hashed. */
export function isPasswordPossible(password: string): boolean {
  return password.length <= PASSWORD_BYTES_MAX && utf8Bytes(password) <= PASSWORD_BYTES_MAX && password.isWellFormed();
}

/** argon2id, 19 MiB, t = 2, p = 1 (spec 10 §2): about 100 ms and 19 MiB each, so `bulkhead` bounds them.
 *  Throws SERVICE_UNAVAILABLE when too many wait already. */
export async function hashPassword(password: string, bulkhead: Bulkhead): Promise<string> {
  try {
    return await bulkhead.run(() =>
      Bun.password.hash(password, { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 }),
    );
  } catch (error) {
    if (error instanceof BulkheadFullError) throw new AppError("SERVICE_UNAVAILABLE", { cause: error });
    throw error;
  }
}
