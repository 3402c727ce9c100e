import { expect, test } from "bun:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { type Message, MessageKind, MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { ServerFrameSchema } from "#proto/gen/gochat/gateway/v1/server_frame_pb.ts";
import type { SeqRange } from "#proto/row-frames-binary.ts";
import { type PushFrames, pushFrames } from "./push-frames.ts";
import { type Carried, carriers } from "./wire.ts";

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

const options = { nowS: 1_700_000_001, bytesMax: 64 * 1024 };
const all: Carried = { single: true, joined: true, binary: true };

function framesOf(rows: readonly Message[], needed: Carried = all, missed?: SeqRange): PushFrames {
  return pushFrames("world", [{ missed, rows }], needed, options);
}

function seqsOf(frames: readonly string[]): number[] {
  return frames.flatMap((text) => {
    const { type, data } = JSON.parse(text);
    const rows: { seqId: number }[] = type === "new-messages" ? data.messages : [data];
    return rows.map(({ seqId }) => seqId);
  });
}

test("20 §5: one row is the very same new-message text for clients of every version", () => {
  const { single, joined } = framesOf([row(7)]);
  expect(joined).toEqual([...single]);
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
  const { single, joined } = framesOf(rows);
  expect(single).toHaveLength(3);
  expect(joined).toHaveLength(1);
  expect(seqsOf(single)).toEqual([1, 2, 3]);
  expect(seqsOf(joined)).toEqual([1, 2, 3]);
});

test("G5: a form that nobody listens by costs no encoding", () => {
  const rows = [row(1), row(2)];
  for (const carrier of carriers) expect(framesOf(rows, { ...all, [carrier]: false })[carrier]).toEqual([]);
});

test("20 §5: joined frames stay within 64 KiB, in order, whatever the sizes and scripts", () => {
  const rows = Array.from({ length: 200 }, (_, index) => row(index + 1, "世".repeat((index * 37) % 5000) || "x"));
  const { joined, binary } = framesOf(rows, all, { fromSeq: 1, toSeq: Number.MAX_SAFE_INTEGER });
  for (const frames of [joined, binary]) {
    expect(frames.length).toBeGreaterThan(10);
    for (const frame of frames) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(options.bytesMax);
  }
  const seqs = rows.map(({ seqId }) => Number(seqId));
  expect(seqsOf(joined)).toEqual(seqs);
  expect(binary.flatMap((bytes) => seqsOfBinary(bytes))).toEqual(seqs);
});

function seqsOfBinary(bytes: Uint8Array): number[] {
  const { payload } = fromBinary(ServerFrameSchema, bytes);
  if (payload.case === "newMessage" || payload.case === "change") return [Number(payload.value.seqId)];
  return payload.case === "newMessages" ? payload.value.messages.map(({ seqId }) => Number(seqId)) : [];
}

test("20 §9: the rows of a binary frame are the log's, a change alone is a change", () => {
  const change = create(MessageSchema, { ...row(2), kind: MessageKind.CHANGE, changeType: "recall" });
  const both = framesOf([row(1), change]).binary.map((bytes) => fromBinary(ServerFrameSchema, bytes));
  expect(both).toMatchObject([
    { timestamp: 1_700_000_001n, payload: { case: "newMessages", value: { messages: [row(1), change] } } },
  ]);
  const [alone] = framesOf([change]).binary.map((bytes) => fromBinary(ServerFrameSchema, bytes));
  expect(alone?.payload).toEqual({ case: "change", value: change });
});

test("G4: what was left out is told before the rows that follow it, in every form", () => {
  const missed = { fromSeq: 3, toSeq: 5 };
  const { single, joined, binary } = framesOf([row(6), row(7)], all, missed);
  expect(single.map((text) => JSON.parse(text).type)).toEqual(["missed", "new-message", "new-message"]);
  expect(JSON.parse(single[0] ?? "").data).toEqual({ conversationId: "world", ...missed });
  expect(joined.map((text) => JSON.parse(text).data.missed)).toEqual([missed]);
  const [frame] = binary.map((bytes) => fromBinary(ServerFrameSchema, bytes));
  expect(frame?.payload).toMatchObject({ case: "newMessages", value: { missed: { fromSeq: 3n, toSeq: 5n } } });
  const alone = framesOf([], all, missed);
  expect(alone.joined.map((text) => JSON.parse(text).type)).toEqual(["missed"]);
  expect(alone.binary).toHaveLength(1);
});

test("20 §5: one row always fits into a frame", () => {
  const worst = row(1, "\u0001".repeat(5000));
  const { joined, binary } = framesOf([worst], all, { fromSeq: 1, toSeq: 2 });
  for (const [frame = ""] of [joined, binary]) expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(options.bytesMax);
});
