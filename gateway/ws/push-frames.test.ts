import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { type Message, MessageKind, MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { joinedFrames, pushFrames } from "./push-frames.ts";

function row(seq: number, content = "hello"): Message {
  return create(MessageSchema, {
    id: String(9_000_000_000_000_000_000n + BigInt(seq)),
    conversationId: "world",
    sender: { id: "42", username: "ann" },
    type: 1,
    content,
    seqId: BigInt(seq),
    createdAt: 1_700_000_000n,
    kind: MessageKind.MESSAGE,
  });
}

const options = { nowS: 1_700_000_001, bytesMax: 64 * 1024, single: true, joined: true };

function seqsOf(frames: readonly string[]): number[] {
  return frames.flatMap((text) => {
    const { type, data } = JSON.parse(text);
    const rows: { seqId: number }[] = type === "new-messages" ? data.messages : [data];
    return rows.map(({ seqId }) => seqId);
  });
}

test("20 §5: one row is the very same new-message text for clients of every version", () => {
  const { single, joined } = pushFrames("world", [row(7)], options);
  expect(joined).toBe(single);
  expect(JSON.parse(single[0] ?? "")).toEqual({
    type: "new-message",
    timestamp: 1_700_000_001,
    data: {
      id: "9000000000000000007",
      conversationId: "world",
      sender: { id: "42", username: "ann" },
      content: "hello",
      messageType: 1,
      seqId: 7,
      createdAt: 1_700_000_000,
    },
  });
});

test("20 §5: several rows are single frames for version 0 and one joined frame from version 1 on", () => {
  const rows = [row(1), row(2), row(3)];
  const { single, joined } = pushFrames("world", rows, options);
  expect(single).toHaveLength(3);
  expect(joined).toHaveLength(1);
  expect(seqsOf(single)).toEqual([1, 2, 3]);
  expect(seqsOf(joined)).toEqual([1, 2, 3]);
});

test("G5: a kind of client that nobody is costs no encoding", () => {
  const rows = [row(1), row(2)];
  expect(pushFrames("world", rows, { ...options, single: false }).single).toEqual([]);
  expect(pushFrames("world", rows, { ...options, joined: false }).joined).toEqual([]);
});

test("20 §5: joined frames stay within 64 KiB, in order, whatever the sizes and scripts", () => {
  const rows = Array.from({ length: 200 }, (_, index) => row(index + 1, "世".repeat((index * 37) % 5000) || "x"));
  const frames = joinedFrames("world", rows, options.nowS, options.bytesMax);
  expect(frames.length).toBeGreaterThan(10);
  for (const frame of frames) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(options.bytesMax);
  expect(seqsOf(frames)).toEqual(rows.map(({ seqId }) => Number(seqId)));
});

test("20 §5: one row always fits into a frame", () => {
  const worst = row(1, "\u0001".repeat(5000));
  const [frame = ""] = joinedFrames("world", [worst], options.nowS, options.bytesMax);
  expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(options.bytesMax);
});
