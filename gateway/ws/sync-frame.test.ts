import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { encodeServerFrame } from "#proto/frames.ts";
import { MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { messageToJson } from "#proto/message-json.ts";
import { encodeSyncResultText, rowText } from "./sync-frame.ts";

const row = (seqId: bigint) =>
  create(MessageSchema, { id: String(seqId), conversationId: "world", seqId, content: 'a "quote", ü and 😀', kind: 1 });

test("20 §7: a sync-result of texts that are written once is the frame that JSON.stringify writes", () => {
  const ranges = { completeFrom: 1, completeTo: 2, latestSeqId: 2, hasMore: false };
  const conversations = [
    { id: "world", messages: [row(1n), row(2n)], ...ranges },
    { id: "c2", messages: [], ...ranges, hasMore: true, error: "NOT_CONVERSATION_MEMBER" },
  ];
  const json = conversations.map((one) => ({ ...one, messages: one.messages.map(messageToJson) }));
  for (const id of [undefined, 'with "quotes"']) {
    const expected = encodeServerFrame("sync-result", { conversations: json, done: false }, 7, id);
    expect(JSON.parse(encodeSyncResultText({ conversations, done: false }, 7, id))).toEqual(JSON.parse(expected));
  }
  const empty = encodeSyncResultText({ conversations: [], done: true }, 7);
  expect(JSON.parse(empty)).toEqual({ type: "sync-result", data: { conversations: [], done: true }, timestamp: 7 });
});

test("the bytes of a row are those of its text", () => {
  const one = row(1n);
  expect(rowText(one).bytes).toBe(new TextEncoder().encode(JSON.stringify(messageToJson(one))).length);
  expect(rowText(one)).toBe(rowText(one));
});
