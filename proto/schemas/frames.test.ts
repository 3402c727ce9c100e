import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseClientFrame } from "../client-frame.ts";
import { clientFrames } from "./frames.ts";

/** Good and bad values of every field; null and aliases are taken by the parser only. */
const texts = ["", " ", "x", "world", "7", "0", "07", "x".repeat(64), "x".repeat(65), "x".repeat(201), "a\0", "\udc00"];
const conversations = ["world", "single_1_2", "", "a b", "x".repeat(64), "x".repeat(65)];
const numbers = [0, 1, 2, 3, 4, 5, 6, 7, 100, 101, -1, 1.5, Number.MAX_SAFE_INTEGER, 2 ** 53];
const anything = fc.oneof(
  fc.constantFrom<unknown>(...texts, ...numbers, true, false, [], {}, "{}", "[1", "😀", "😀".repeat(9)),
  fc.constantFrom<unknown>("active", "background", ["7", "8"], ["x"], Array(51).fill("7"), "x".repeat(5000)),
  fc.constantFrom<unknown>(
    "x".repeat(5001),
    "é".repeat(5000),
    "漢".repeat(5000),
    "😀".repeat(5000),
    '"é"'.repeat(2000),
  ),
);
const entry = fc.record(
  { id: fc.constantFrom<unknown>(...conversations, 7), afterSeq: fc.constantFrom<unknown>(...numbers, "1") },
  { requiredKeys: [] },
);
/** Mostly what fits, so that whole frames do. */
const fields: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  conversationId: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...conversations) }, anything),
  content: fc.oneof({ weight: 3, arbitrary: fc.constant("hello") }, anything),
  messageType: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(1, 2, 3, 5, 6) }, anything),
  messageId: fc.oneof({ weight: 3, arbitrary: fc.constant("7") }, anything),
  emoji: fc.oneof({ weight: 3, arbitrary: fc.constant("👍") }, anything),
  remove: fc.oneof({ weight: 3, arbitrary: fc.boolean() }, anything),
  client_msg_id: fc.oneof({ weight: 3, arbitrary: fc.constant("c1") }, anything),
  conversations: fc.oneof({ weight: 3, arbitrary: fc.array(entry, { maxLength: 3 }) }, anything),
};
const names = [
  ...["conversationId", "content", "messageType", "client_msg_id", "extra", "replyToMessageId", "mentions", "seqId"],
  ...["messageId", "reason", "emoji", "remove", "conversations", "limit", "state", "token", "unknown"],
];
const data = fc.record(Object.fromEntries(names.map((name) => [name, fields[name] ?? anything])), {
  requiredKeys: ["conversationId", "content", "messageType", "messageId", "emoji", "conversations", "state", "token"],
});

test("the parser that runs takes what the schemas of the document take, and nothing else", () => {
  const taken = new Map<string, number>();
  for (const value of fc.sample(data, { seed: 20_260_101, numRuns: 1500 })) {
    const text = JSON.stringify(value);
    for (const [type, schema] of Object.entries(clientFrames)) {
      if (schema === null) continue;
      const bySchema = schema.safeParse(value);
      const byParser = parseClientFrame(`{"type":"${type}","data":${text}}`);
      if (bySchema.success) taken.set(type, (taken.get(type) ?? 0) + 1);
      if (bySchema.success === byParser.ok) continue;
      const schemaSays = bySchema.success ? "taken" : bySchema.error.message;
      const parserSays = byParser.ok ? "taken" : byParser.error;
      expect({ type, schemaSays, parserSays, text: text.slice(0, 2000) }).toBeUndefined();
    }
  }
  // Of each type some were good, else the comparison says nothing.
  expect([...taken.keys()].sort()).toEqual(
    Object.keys(clientFrames)
      .filter((type) => type !== "ping")
      .sort(),
  );
});
