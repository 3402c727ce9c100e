import { expect, test } from "bun:test";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { extended, newestOf, trimmed, type Window, windowBytes } from "./message-window.ts";

const message = (content: string): Message => ({ content, change: { case: undefined } }) as Message;
const edit = (content: string): Message =>
  ({ content: "", change: { case: "edit", value: { content } } }) as unknown as Message;

function window(messages: readonly Message[], newest: bigint): Window {
  return { messages, bytes: messages.map(({ content }) => content.length), newest };
}

const long = window(
  Array.from({ length: 10 }, () => message("x".repeat(4500))),
  10n,
);

test("G4: a window keeps its newest rows, as many as its bytes allow", () => {
  const kept = trimmed(long, 35_000);
  expect([kept.messages.length, kept.bytes.length, kept.newest]).toEqual([3, 3, 10n]);
  expect(windowBytes(kept)).toBeLessThanOrEqual(35_000);
  expect(trimmed(long, 1_000_000)).toBe(long);
});

test("a row that is larger than the bound is kept alone", () => {
  expect(trimmed(long, 10).messages).toHaveLength(1);
});

test("the text that an edit shows counts", () => {
  expect(windowBytes(window([edit("y".repeat(500))], 1n))).toBe(windowBytes(window([message("y".repeat(500))], 1n)));
});

test("what was trimmed goes on where the next rows follow", () => {
  const kept = trimmed(long, 35_000);
  const whole = extended(kept, window([message("next")], 11n));
  expect([whole?.messages.length, whole?.newest]).toEqual([4, 11n]);
  expect(extended(kept, window([message("next")], 12n))).toBeUndefined();
});

test("the newest rows are cut from a window, or are all of it", () => {
  const cut = newestOf(long, 4);
  expect([cut.messages.length, cut.bytes.length, cut.newest]).toEqual([4, 4, 10n]);
  expect(newestOf(long, 10)).toBe(long);
});
