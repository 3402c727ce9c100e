import { describe, expect, test } from "bun:test";
import { benchContent, type Dialect, dueOf, mergeBatches, rowBatch } from "./dialect.ts";
import { jsonDialect } from "./dialect-json.ts";
import { protoDialect } from "./dialect-proto.ts";
import { referenceDialect } from "./dialect-reference.ts";

const messages = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    conversationId: "world",
    content: benchContent(1000.5, 200),
    clientMsgId: `c${n}`,
  }));

const heard = (dialect: Dialect, payload: string | Uint8Array | undefined) => dialect.hear(Buffer.from(payload ?? ""));

describe.each(["text", "proto"] as const)("the reference's frames, %s", (encoding) => {
  const server = encoding === "text" ? jsonDialect : protoDialect;

  test("are read as a server's new-message, seq by seq", () => {
    const payloads = referenceDialect(encoding, false).send(messages(2));
    expect(payloads).toHaveLength(2);
    const frames = payloads.map((payload) => heard(server, payload));
    expect(frames).toMatchObject([
      { kind: "rows", batch: { conversationId: "world", seqs: [1], dueMs: [1000.5] } },
      { kind: "rows", batch: { seqs: [2] } },
    ]);
  });

  test("joined, one frame has all messages of an instant", () => {
    const payloads = referenceDialect(encoding, true).send(messages(20));
    expect(payloads).toHaveLength(1);
    const frame = heard(server, payloads[0]);
    expect(frame).toMatchObject({ kind: "rows", batch: { contiguous: true, frames: 1 } });
    expect(frame.kind === "rows" && frame.batch.seqs).toHaveLength(20);
  });
});

test("batches of one piece are merged within a conversation", () => {
  const one = rowBatch("a", [{ seq: 1, id: "x", content: "" }]);
  const two = rowBatch("a", [{ seq: 3, id: "y", content: "" }]);
  expect(mergeBatches([one, two])).toMatchObject({ seqs: [1, 3], contiguous: false, frames: 2 });
  expect(mergeBatches([one, rowBatch("b", [])])).toBeUndefined();
});

test("a content says when it was due, and others say 0", () => {
  expect(dueOf(benchContent(1_795_366_648_326.25, 200))).toBe(1_795_366_648_326.25);
  expect(benchContent(5, 200)).toHaveLength(200);
  expect(dueOf("hello")).toBe(0);
});
