import { expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ErrorName } from "#proto/errors.ts";
import { UpstreamMessageSchema } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import { checkSend } from "./checks.ts";
import { sendHash } from "./send-hash.ts";

type Init = MessageInitShape<typeof UpstreamMessageSchema>;
const rules = { contentCharsMax: 5000, allowedTypes: new Set([1, 2, 3, 5, 6]) };
const good = {
  conversationId: "world",
  clientMsgId: "c1",
  messageType: 1,
  content: "hello",
  userId: 7n,
} satisfies Init;

function send(init: Init) {
  return create(UpstreamMessageSchema, { ...good, ...init });
}

const cases: readonly [what: string, init: Init, expected: ErrorName | undefined][] = [
  ["text", {}, undefined],
  ["extra and mentions", { extra: '{"a":1}', mentions: [1n, 2n] }, undefined],
  ["16 KiB of characters of two units", { content: "😀".repeat(4096) }, undefined],
  ["no type", { messageType: 0 }, "UNSUPPORTED_MESSAGE_TYPE"],
  ["the server's type", { messageType: 4 }, "UNSUPPORTED_MESSAGE_TYPE"],
  ["an unknown type", { messageType: 99 }, "UNSUPPORTED_MESSAGE_TYPE"],
  ["blank content", { content: " \n\t " }, "MESSAGE_EMPTY"],
  ["5001 characters", { content: "x".repeat(5001) }, "MESSAGE_TOO_LONG"],
  ["16 KiB and one byte", { content: `${"😀".repeat(4096)}x` }, "MESSAGE_TOO_LONG"],
  ["NUL", { content: "a\0b" }, "INVALID_MESSAGE_FORMAT"],
  ["a lone surrogate", { content: "a\ud800b" }, "INVALID_MESSAGE_FORMAT"],
  ["extra that is not JSON", { extra: "{a}" }, "INVALID_MESSAGE_FORMAT"],
  ["extra over 4 KiB", { extra: JSON.stringify("x".repeat(4096)) }, "INVALID_MESSAGE_FORMAT"],
  ["51 mentions", { mentions: Array.from({ length: 51 }, (_, n) => BigInt(n)) }, "INVALID_MESSAGE_FORMAT"],
  ["a client_msg_id of 65 characters", { clientMsgId: "x".repeat(65) }, "INVALID_MESSAGE_FORMAT"],
  ["no client_msg_id", { clientMsgId: "" }, "INVALID_MESSAGE_FORMAT"],
  ["a reply to no id", { replyToMessageId: -1n }, "INVALID_MESSAGE_FORMAT"],
  ["no sender", { userId: 0n }, "INVALID_MESSAGE_FORMAT"],
  ["SQL as a conversation id", { conversationId: "'; DROP TABLE messages;--" }, "CONVERSATION_NOT_FOUND"],
  ["a file that nobody uploaded", { messageType: 2, content: "123" }, "FILE_NOT_FOUND"],
];

for (const [what, init, expected] of cases) {
  test(`spec 50 §4, before the commit: ${what} → ${expected ?? "taken"}`, () => {
    expect(checkSend(send(init), rules)).toBe(expected as ErrorName);
  });
}

test("spec 40 §2: the send hash covers type, content, extra, reply and mentions, and nothing else", () => {
  const hex = (init: Init): string => Buffer.from(sendHash(send(init))).toString("hex");
  const base = hex({});
  expect(base).toBe(hex({ traceId: "t", sessionId: "s", clientMsgId: "other", receivedAtMs: 5n }));
  const others = [
    hex({ messageType: 2 }),
    hex({ content: "hello " }),
    hex({ extra: "{}" }),
    hex({ replyToMessageId: 1n }),
    hex({ mentions: [1n] }),
    hex({ mentions: [1n, 2n] }),
    hex({ content: "hello\n{}" }),
  ];
  expect(new Set([base, ...others]).size).toBe(others.length + 1);
  // The layout is stored with every message: a change of it would turn resends into conflicts.
  expect(base).toBe("e65f156a40ef036f18eca9a92066dff281c01f24b7993d4963fcda3ee4455808");
});
