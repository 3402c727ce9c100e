import { AppError } from "#proto/errors.ts";
import { isId, textFault } from "#proto/limits.ts";

/** INVALID_PARAMETER that names the field of the request. */
export function invalid(field: string): AppError {
  return new AppError("INVALID_PARAMETER", { details: { fields: [field] } });
}

/** A snowflake in a request. Throws INVALID_PARAMETER. */
export function idOf(text: string, field: string): bigint {
  if (!isId(text)) throw invalid(field);
  return BigInt(text);
}

/** Text that the store would refuse is refused here. Throws INVALID_PARAMETER. */
export function checkText(text: string, field: string, charsMax: number): void {
  if (textFault(text, charsMax) !== undefined) throw invalid(field);
}
