import { z } from "zod";
import { AppError } from "#proto/errors.ts";
import { isConversationId, isId, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, SEQ_MAX, textFault } from "#proto/limits.ts";
import { readJson } from "./body.ts";
import type { ApiContext } from "./context.ts";

/** Parses and checks a body or a query. Throws INVALID_PARAMETER with `details.fields[]` {field, message}. */
export function checked<S extends z.ZodType>(schema: S, value: unknown): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fields = result.error.issues
    .slice(0, fieldsMax)
    .map((issue) => ({ field: issue.path.map(String).join("."), message: issue.message }));
  throw new AppError("INVALID_PARAMETER", { details: { fields } });
}

/** Problems told in one answer. */
const fieldsMax = 20;

export async function bodyOf<S extends z.ZodType>(c: ApiContext, schema: S, bodyBytesMax: number): Promise<z.infer<S>> {
  return checked(schema, await readJson(c.req.raw, bodyBytesMax));
}

export function queryOf<S extends z.ZodType>(c: ApiContext, schema: S): z.infer<S> {
  return checked(schema, c.req.query());
}

/** Text that the store takes: no NUL, no lone surrogate, bounded in characters and bytes (spec 10 §1). */
export function text(charsMax: number, bytesMax?: number): z.ZodType<string> {
  return z.string().superRefine((value, context) => {
    const fault = textFault(value, charsMax, bytesMax);
    if (fault !== undefined)
      context.addIssue({ code: "custom", message: faults[fault].replace("#", String(charsMax)) });
  });
}

const faults = {
  nul: "contains NUL",
  surrogate: "is not well-formed Unicode",
  chars: "has more than # characters",
  bytes: "has too many bytes",
} as const;

/** The same, and not blank. */
export function filledText(charsMax: number): z.ZodType<string> {
  return text(charsMax).refine((value) => value.trim() !== "", "is empty");
}

export const userId = z.string().refine(isId, "is not an id");

/** The caller's own text in a path: an id that cannot be is one that does not exist. */
export function conversationIdOf(c: ApiContext): string {
  const id = c.req.param("conversationId") ?? "";
  if (!isConversationId(id)) throw new AppError("CONVERSATION_NOT_FOUND");
  return id;
}

function wholeText(min: number, max: number): z.ZodType<number> {
  return z
    .string()
    .regex(/^\d{1,16}$/, "is not a whole number")
    .transform(Number)
    .refine((value) => value >= min && value <= max, `is not within ${min}…${max}`);
}

/** A whole number in a query. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  return wholeText(min, max);
}

export const seqText = wholeText(0, SEQ_MAX);

/** A seq in a JSON body. */
export const seqNumber = z.number().int().min(0).max(SEQ_MAX);

/** `page` from 1 and `size` (alias `pageSize`). */
export const pageQuery = z
  .object({
    page: wholeText(1, 1_000_000).optional(),
    size: wholeText(1, PAGE_SIZE_MAX).optional(),
    pageSize: wholeText(1, PAGE_SIZE_MAX).optional(),
  })
  .transform(({ page, size, pageSize }) => ({ page: page ?? 1, size: size ?? pageSize ?? PAGE_SIZE_DEFAULT }));
