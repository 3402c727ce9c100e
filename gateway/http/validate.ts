import { z } from "zod";
import { AppError, type ErrorName } from "#proto/errors.ts";
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, SEQ_MAX } from "#proto/limits.ts";

/** Parses and checks a body or a query. Throws INVALID_PARAMETER with `details.fields[]` {field, message}; another `code`
 *  names the fields only. */
export function checked<S extends z.ZodType>(
  schema: S,
  value: unknown,
  code: ErrorName = "INVALID_PARAMETER",
): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fields = result.error.issues
    .slice(0, fieldsMax)
    .map((issue) => ({ field: issue.path.map(String).join("."), message: issue.message }));
  throw new AppError(code, {
    details: { fields: code === "INVALID_PARAMETER" ? fields : fields.map(({ field }) => field) },
  });
}

/** Problems told in one answer. */
const fieldsMax = 20;

/** A whole number in a query. */
export function wholeNumber(min: number, max: number): z.ZodType<number, string> {
  return z
    .string()
    .transform((value) => (/^\d{1,16}$/.test(value) ? Number(value) : Number.NaN))
    .refine((value) => value >= min && value <= max, `is not a whole number within ${min}…${max}`)
    .meta({ type: "integer", minimum: min, maximum: max });
}

/** `true` or `false` in a query. */
export const flag = z
  .string()
  .refine((value) => value === "true" || value === "false", "is neither true nor false")
  .transform((value) => value === "true")
  .meta({ type: "boolean" });

export const seqText = wholeNumber(0, SEQ_MAX);

/** `page` from 1 and `size`; use with `aliased(…, pageAliases)`. */
export const pageFields = {
  page: wholeNumber(1, 1_000_000).default(1),
  size: wholeNumber(1, PAGE_SIZE_MAX).default(PAGE_SIZE_DEFAULT),
};
export const pageAliases = { pageSize: "size" };
