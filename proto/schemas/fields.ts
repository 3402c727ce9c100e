import { z } from "zod";
import { CONVERSATION_ID_CHARS_MAX, isConversationId, isId, SEQ_MAX, textFault } from "../limits.ts";
import { component } from "./components.ts";

/** Fields that the objects, requests and frames share. What a document says about them stands beside what checks them. */

export const id = component(
  "Id",
  z
    .string()
    .refine(isId, "is not an id")
    .meta({ pattern: "^[1-9][0-9]{0,18}$", examples: ["7263849201834496"] }),
  "A positive decimal of 63 bits, as text because it does not fit into a JSON number",
);

export const conversationId = component(
  "ConversationId",
  z
    .string()
    .refine(isConversationId, "is not the id of a conversation")
    .meta({ pattern: `^[A-Za-z0-9_-]{1,${CONVERSATION_ID_CHARS_MAX}}$`, examples: ["world"] }),
);

/** A place in a conversation's stream, from 1. 0: before the first. */
export const seq = z.int().min(0).max(SEQ_MAX);

/** Unix seconds. */
export const seconds = z.int().min(0).describe("Unix seconds");

export const count = z.int().min(0);

const faults = {
  nul: "contains NUL",
  surrogate: "is not well-formed Unicode",
  chars: "has more than # characters",
  bytes: "has too many bytes",
} as const;

/** Text that the store takes: no NUL, no lone surrogate, bounded in characters and bytes (spec 10 §1). */
export function text(charsMax: number, bytesMax?: number): z.ZodType<string, string> {
  return z
    .string()
    .superRefine((value, context) => {
      const fault = textFault(value, charsMax, bytesMax);
      if (fault === undefined) return;
      context.addIssue({ code: "custom", message: faults[fault].replace("#", String(charsMax)) });
    })
    .meta({ maxLength: charsMax });
}

/** The same, and not blank. */
export function filledText(charsMax: number, bytesMax?: number): z.ZodType<string, string> {
  return text(charsMax, bytesMax)
    .refine((value) => value.trim() !== "", "is empty")
    .meta({ minLength: 1, pattern: "\\S", maxLength: charsMax });
}
