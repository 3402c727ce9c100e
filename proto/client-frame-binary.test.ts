import { expect, test } from "bun:test";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type ParsedFrame, parseClientFrame } from "./client-frame.ts";
import { parseClientFrameBytes } from "./client-frame-binary.ts";
import { ClientFrameSchema, PresenceState } from "./gen/gochat/gateway/v1/client_frame_pb.ts";

type Init = MessageInitShape<typeof ClientFrameSchema>;

const parse = (frame: Init): ParsedFrame =>
  parseClientFrameBytes(toBinary(ClientFrameSchema, create(ClientFrameSchema, frame)));

const conversationId = "single_1_2";
const messageId = 9_000_000_000_000_000_001n;
const ids = { messageId: String(messageId), client_msg_id: "c" };
const send = { conversationId, content: "hi", messageType: 1, clientMsgId: "c", extra: '{"a":1}' };
const pairs: [json: Record<string, unknown>, binary: Init["payload"]][] = [
  [
    { type: "send-message", data: { ...send, replyToMessageId: String(messageId), mentions: ["3", "4"] } },
    { case: "sendMessage", value: { ...send, replyToMessageId: messageId, mentions: [3n, 4n] } },
  ],
  [
    { type: "send-message", data: { conversationId: "world", content: "x", messageType: 1 } },
    { case: "sendMessage", value: { conversationId: "world", content: "x", messageType: 1 } },
  ],
  [
    { type: "send-message", data: { ...send, content: "" } },
    { case: "sendMessage", value: { ...send, content: "" } },
  ],
  [
    { type: "send-message", data: { ...send, messageType: 4 } },
    { case: "sendMessage", value: { ...send, messageType: 4 } },
  ],
  [
    { type: "mark-read", data: { conversationId, seqId: 7 } },
    { case: "markRead", value: { conversationId, seqId: 7n } },
  ],
  [
    { type: "mark-read", data: { conversationId: "a b", seqId: 7 } },
    { case: "markRead", value: { conversationId: "a b", seqId: 7n } },
  ],
  [
    { type: "mark-read", data: { conversationId, seqId: -1 } },
    { case: "markRead", value: { conversationId, seqId: -1n } },
  ],
  [{ type: "ping" }, { case: "ping", value: {} }],
  [
    { type: "typing", data: { conversationId } },
    { case: "typing", value: { conversationId } },
  ],
  [
    { type: "stop-typing", data: { conversationId } },
    { case: "stopTyping", value: { conversationId } },
  ],
  [
    { type: "recall-message", data: { ...ids, reason: "r" } },
    { case: "recallMessage", value: { messageId, reason: "r", clientMsgId: "c" } },
  ],
  [
    { type: "react", data: { ...ids, emoji: "👍", remove: true } },
    { case: "react", value: { messageId, emoji: "👍", remove: true, clientMsgId: "c" } },
  ],
  [
    { type: "sync", data: { conversations: [{ id: conversationId, afterSeq: 3 }], limit: 5 } },
    { case: "sync", value: { conversations: [{ id: conversationId, afterSeq: 3n }], limit: 5 } },
  ],
  [
    { type: "sync", data: { conversations: [] } },
    { case: "sync", value: {} },
  ],
  [
    { type: "presence", data: { state: "background" } },
    { case: "presence", value: { state: PresenceState.BACKGROUND } },
  ],
  [
    { type: "presence", data: {} },
    { case: "presence", value: {} },
  ],
  [
    { type: "refresh-auth", data: { token: "t" } },
    { case: "refreshAuth", value: { token: "t" } },
  ],
  [{ type: "unheard-of" }, { case: undefined }],
];

test.each(pairs)("20 §9: the same frame, or the same error, as JSON: %j", (json, payload) => {
  const expected = parseClientFrame(JSON.stringify({ ...json, id: "f" }));
  expect(parse({ id: "f", payload } as Init)).toEqual(expected);
});

test("20 §8: bytes that are no frame, and bad UTF-8, are refused, never thrown", () => {
  const codeOf = (parsed: ParsedFrame): string => (parsed.ok ? "ok" : parsed.error.code);
  expect(codeOf(parseClientFrameBytes(new Uint8Array([0x0a, 5, 1])))).toBe("INVALID_MESSAGE_FORMAT");
  const bytes = toBinary(
    ClientFrameSchema,
    create(ClientFrameSchema, { id: "ab", payload: { case: "ping", value: {} } }),
  );
  bytes[2] = 0xff;
  expect(codeOf(parseClientFrameBytes(bytes))).toBe("INVALID_MESSAGE_FORMAT");
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (any) => typeof parseClientFrameBytes(any).ok === "boolean"));
});
