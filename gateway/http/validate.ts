import { z } from "zod";
import { AppError, type ErrorName } from "#proto/errors.ts";
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, SEQ_MAX } from "#proto/limits.ts";
import { inputDefault } from "#proto/schemas/json-schema.ts";

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

/** The same; `fallback` when it is missing. */
export function wholeNumberOr(fallback: number, min: number, max: number): z.ZodType<number, string | undefined> {
  return wholeNumber(min, max)
    .default(fallback)
    .meta({ [inputDefault]: fallback });
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
  page: wholeNumberOr(1, 1, 1_000_000),
  size: wholeNumberOr(PAGE_SIZE_DEFAULT, 1, PAGE_SIZE_MAX),
};
export const pageAliases = { pageSize: "size" };
