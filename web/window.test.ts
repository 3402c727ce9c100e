import { expect, test } from "bun:test";
import type { MessageJson } from "#proto/objects.ts";
import { around, down, followRows, sliceOf, stay, up, type View, windowRowsMax } from "./window.ts";

const rows = (count: number): MessageJson[] =>
  Array.from({ length: count }, (_, i) => ({
    id: String(i),
    conversationId: "c",
    senderId: "1",
    messageType: 1,
    content: "",
    kind: "message",
    seqId: 1_000 + i,
    createdAt: 0,
  }));

test("following shows the newest rows, whatever arrives", () => {
  expect(sliceOf({ at: "following" }, rows(500))).toEqual({ start: 500 - followRows, end: 500 });
  expect(sliceOf({ at: "following" }, rows(5))).toEqual({ start: 0, end: 5 });
});

test("reading keeps its rows when others arrive above or below", () => {
  const view = stay({ at: "following" }, rows(200));
  expect(sliceOf(view, rows(300))).toEqual({ start: 100, end: 200 });
});

test("G4: any walk up and down keeps the number of rows bounded and reaches both ends", () => {
  const all = rows(1_000);
  let view: View = stay({ at: "following" }, all);
  for (let next = up(view, all); next !== undefined; next = up(view, all)) {
    view = next;
    const { start, end } = sliceOf(view, all);
    expect(end - start).toBeLessThanOrEqual(windowRowsMax);
  }
  expect(sliceOf(view, all).start).toBe(0);
  for (let next = down(view, all); next !== undefined; next = down(view, all)) {
    view = next;
    const { start, end } = sliceOf(view, all);
    expect(end - start).toBeLessThanOrEqual(windowRowsMax);
  }
  expect(sliceOf(view, all).end).toBe(1_000);
});

test("a message that is gone to has rows above and below it, at the ends too", () => {
  const all = rows(1_000);
  for (const at of [0, 3, 500, 999]) {
    const { start, end } = sliceOf(around(all, 1_000 + at), all);
    expect(start).toBeLessThanOrEqual(at);
    expect(end).toBeGreaterThan(at);
    expect(end - start).toBeLessThanOrEqual(windowRowsMax);
    expect(end - start).toBeGreaterThan(59);
  }
});
