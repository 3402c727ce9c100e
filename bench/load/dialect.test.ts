import { describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ServerFrameSchema } from "#proto/gen/gochat/gateway/v1/server_frame_pb.ts";
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

describe("an answer to sync brings the rows of each conversation that has some", () => {
  const batches = [{ conversationId: "world", seqs: [4, 5], ids: ["14", "15"], dueMs: [1000.5, 0], contiguous: true }];
  const head = { completeFrom: 4, completeTo: 5, latestSeqId: 5, hasMore: false };
  const rows = [
    { id: "14", seqId: 4, content: benchContent(1000.5, 200) },
    { id: "15", seqId: 5, content: "hello" },
  ];

  test("text", () => {
    const conversations = [
      { ...head, id: "world", messages: rows },
      { ...head, id: "group_1", messages: [] },
    ];
    const frame = JSON.stringify({ type: "sync-result", data: { conversations, done: true } });
    expect(heard(jsonDialect, frame)).toMatchObject({ kind: "synced", batches });
  });

  test("proto", () => {
    const messages = rows.map(({ id, seqId, content }) => ({ id, seqId: BigInt(seqId), content }));
    const conversations = [
      { id: "world", messages },
      { id: "group_1", messages: [] },
    ];
    const payload = { case: "syncResult", value: { conversations, done: true } } as const;
    const frame = toBinary(ServerFrameSchema, create(ServerFrameSchema, { payload }));
    expect(heard(protoDialect, frame)).toMatchObject({ kind: "synced", batches });
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
