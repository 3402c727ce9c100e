import { IdempotencyConflictError, type Once, OnceTimeoutError } from "#infra/once/once.ts";
import { AppError } from "#proto/errors.ts";
import { isPrintableAscii } from "#proto/limits.ts";
import type { ApiCall } from "./context.ts";

/** How long an answer is kept under its key (spec 10 §1). */
const keyTtlMs = 24 * 3_600_000;
export const keyCharsMax = 64;

/** What is kept of an answer: JSON values only. */
export interface Kept {
  readonly status: 200 | 201 | 202;
  readonly data: object | undefined;
  readonly message?: string;
}

/** Runs the request once per signed-in user and `Idempotency-Key` (alias `X-Idempotency-Key`): a repeat within a day gets
 *  the kept answer, refusals are not kept. Without a key it simply runs; while the cache is away it runs unguarded. Throws
 *  INVALID_PARAMETER for a key that is none, IDEMPOTENCY_CONFLICT when `request`, JSON values, was another one. */
export async function idempotent(once: Once, c: ApiCall, request: unknown, run: () => Promise<Kept>): Promise<Kept> {
  const key = c.request.headers.get("idempotency-key") ?? c.request.headers.get("x-idempotency-key");
  if (key === null) return await run();
  if (!isPrintableAscii(key, keyCharsMax)) {
    const fields = [{ field: "Idempotency-Key", message: `is not 1 to ${keyCharsMax} printable ASCII characters` }];
    throw new AppError("INVALID_PARAMETER", { details: { fields } });
  }
  const fingerprint = JSON.stringify(request);
  try {
    return await once.execute(`http:${c.identity.userId}:${key}`, { ttlMs: keyTtlMs, fingerprint }, run);
  } catch (error) {
    if (error instanceof IdempotencyConflictError) throw new AppError("IDEMPOTENCY_CONFLICT", { cause: error });
    if (error instanceof OnceTimeoutError) throw new AppError("TIMEOUT", { cause: error });
    throw error;
  }
}
