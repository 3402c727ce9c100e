import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type ParsedFrame, parseClientFrame } from "./client-frame.ts";
import { ERRORS } from "./errors.ts";

const parse = (value: unknown): ParsedFrame => parseClientFrame(JSON.stringify(value));
const SEND = { conversationId: "world", content: "hello", messageType: 1 };

function codeOf(parsed: ParsedFrame): string {
  return parsed.ok ? "ok" : parsed.error.code;
}

describe("client frames (spec 20 §3, §4)", () => {
  test("a send with every field, canonical names and aliases alike", () => {
    const expected = {
      conversationId: "single_1_2",
      content: "hi",
      messageType: 1,
      clientMsgId: "c1",
      extra: '{"a":1}',
      replyToMessageId: "12",
      mentions: ["3", "4"],
    };
    const rest = { content: "hi", extra: '{"a":1}', replyToMessageId: "12", mentions: ["3", "4"], unknown: {} };
    const canonical = { conversationId: "single_1_2", messageType: 1, client_msg_id: "c1", ...rest };
    const aliases = { conversation_id: "single_1_2", message_type: 1, clientMsgId: "c1", ...rest };
    for (const data of [canonical, aliases]) {
      expect(parse({ type: "send-message", data, id: "7" })).toEqual({
        ok: true,
        frame: { id: "7", type: "send-message", data: expected },
      });
    }
  });

  const sends: [name: string, data: Record<string, unknown>, code: string][] = [
    ["plain", {}, "ok"],
    [
      "5000 characters outside the BMP would pass in characters, not in bytes",
      { content: "😀".repeat(5000) },
      "MESSAGE_TOO_LONG",
    ],
    ["4000 of them pass both", { content: "😀".repeat(4000) }, "ok"],
    ["5000 characters", { content: "x".repeat(5000) }, "ok"],
    ["5001 characters", { content: "x".repeat(5001) }, "MESSAGE_TOO_LONG"],
    ["5000 CJK characters fit in 16 KiB", { content: "世".repeat(5000) }, "ok"],
    ["empty", { content: "" }, "MESSAGE_EMPTY"],
    ["blank", { content: " \n\t\u3000" }, "MESSAGE_EMPTY"],
    ["leading blank", { content: "  x" }, "ok"],
    ["no content", { content: undefined }, "MESSAGE_EMPTY"],
    ["content of another type", { content: 5 }, "INVALID_MESSAGE_FORMAT"],
    ["NUL", { content: "a\0b" }, "INVALID_MESSAGE_FORMAT"],
    ["lone surrogate", { content: "a\ud800b" }, "INVALID_MESSAGE_FORMAT"],
    ["system type", { messageType: 4 }, "UNSUPPORTED_MESSAGE_TYPE"],
    ["type 7", { messageType: 7 }, "UNSUPPORTED_MESSAGE_TYPE"],
    ["type 1.5", { messageType: 1.5 }, "UNSUPPORTED_MESSAGE_TYPE"],
    ["no type", { messageType: undefined }, "UNSUPPORTED_MESSAGE_TYPE"],
    ["conversation id with a slash", { conversationId: "a/b" }, "INVALID_MESSAGE_FORMAT"],
    ["conversation id of 65", { conversationId: "a".repeat(65) }, "INVALID_MESSAGE_FORMAT"],
    ["client_msg_id of 64", { client_msg_id: "a".repeat(64) }, "ok"],
    ["client_msg_id of 65", { client_msg_id: "a".repeat(65) }, "INVALID_MESSAGE_FORMAT"],
    ["client_msg_id not ASCII", { client_msg_id: "é" }, "INVALID_MESSAGE_FORMAT"],
    ["client_msg_id empty", { client_msg_id: "" }, "INVALID_MESSAGE_FORMAT"],
    ["extra not JSON", { extra: "{" }, "INVALID_MESSAGE_FORMAT"],
    ["extra over 4 KiB", { extra: JSON.stringify("x".repeat(4096)) }, "INVALID_MESSAGE_FORMAT"],
    ["reply to no id", { replyToMessageId: "x" }, "INVALID_MESSAGE_FORMAT"],
    ["reply beyond 63 bits", { replyToMessageId: "9223372036854775808" }, "INVALID_MESSAGE_FORMAT"],
    ["50 mentions", { mentions: Array.from({ length: 50 }, (_, n) => String(n + 1)) }, "ok"],
    ["51 mentions", { mentions: Array.from({ length: 51 }, (_, n) => String(n + 1)) }, "INVALID_MESSAGE_FORMAT"],
  ];
  for (const [name, data, code] of sends) {
    test(`send-message: ${name} → ${code}`, () => {
      expect(codeOf(parse({ type: "send-message", data: { ...SEND, ...data } }))).toBe(code);
    });
  }

  const others: [frame: unknown, code: string][] = [
    [{ type: "ping" }, "ok"],
    [{ type: "ping", data: null }, "ok"],
    [{ type: "ping", data: [] }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "ping", id: "x".repeat(65) }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "ping", id: 1 }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "nonsense" }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "constructor" }, "INVALID_MESSAGE_FORMAT"],
    [[], "INVALID_MESSAGE_FORMAT"],
    [null, "INVALID_MESSAGE_FORMAT"],
    [{ type: "mark-read", data: { conversationId: "world", seqId: 3 } }, "ok"],
    [{ type: "mark-read", data: { conversation_id: "world", seqId: 0 } }, "ok"],
    [{ type: "mark-read", data: { conversationId: "world", seqId: -1 } }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "mark-read", data: { conversationId: "world", seqId: "3" } }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "mark-read", data: { conversationId: "world", seqId: 2 ** 53 } }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "typing", data: { conversationId: "group_1" } }, "ok"],
    [{ type: "stop-typing", data: {} }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "recall-message", data: { messageId: "1" } }, "ok"],
    [{ type: "recall-message", data: { messageId: "01" } }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "react", data: { messageId: "1", emoji: "👍" } }, "ok"],
    [{ type: "react", data: { messageId: "1", emoji: "👍".repeat(9) } }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "sync", data: { conversations: [{ id: "world", afterSeq: 4 }] } }, "ok"],
    [{ type: "sync", data: { conversations: Array(51).fill({ id: "world", afterSeq: 0 }) } }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "sync", data: {} }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "presence", data: { state: "background" } }, "ok"],
    [{ type: "presence", data: { state: "away" } }, "INVALID_MESSAGE_FORMAT"],
    [{ type: "refresh-auth", data: { token: "t" } }, "ok"],
    [{ type: "refresh-auth", data: {} }, "INVALID_MESSAGE_FORMAT"],
  ];
  for (const [frame, code] of others) {
    test(`${JSON.stringify(frame).slice(0, 80)} → ${code}`, () => {
      expect(codeOf(parse(frame))).toBe(code);
    });
  }

  test("an error carries the frame's id and a documented WebSocket code", () => {
    const parsed = parse({ type: "nonsense", id: "q1" });
    if (parsed.ok) throw new Error("accepted");
    expect(parsed.id).toBe("q1");
    expect(ERRORS[parsed.error.code].ws).toBe("INVALID_MESSAGE");
  });

  test("no text makes it throw", () => {
    const types = [
      "send-message",
      "mark-read",
      "ping",
      "typing",
      "recall-message",
      "react",
      "sync",
      "presence",
      "refresh-auth",
    ];
    const value = fc.oneof(fc.jsonValue(), fc.string({ unit: "binary" }), fc.integer(), fc.constant(null));
    const fields = [
      "conversationId",
      "content",
      "messageType",
      "client_msg_id",
      "extra",
      "mentions",
      "seqId",
      "messageId",
    ];
    const data = fc.dictionary(fc.constantFrom(...fields, "emoji", "conversations", "limit", "state", "token"), value);
    const frame = fc.record(
      { type: fc.oneof(fc.constantFrom(...types), value), data: fc.oneof(data, value), id: value },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          frame.map((f) => JSON.stringify(f)),
          fc.string({ unit: "binary" }),
          fc.json(),
        ),
        (text) => {
          const parsed = parseClientFrame(text);
          expect(parsed.ok || parsed.error.code in ERRORS).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});
