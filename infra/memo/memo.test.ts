import { expect, test } from "bun:test";
import { createBytesMemo, createTextMemo } from "./memo.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

test("the same bytes find what was made of them, others do not", () => {
  const memo = createBytesMemo<string>(10_000);
  const key = bytesOf("abc");
  memo.set(key, "made", 4);
  // The caller's bytes may become others.
  key.fill(0);
  expect(memo.get(bytesOf("abc"))).toBe("made");
  expect(memo.get(key)).toBeUndefined();
});

test("two keys with one hash are never taken for each other", () => {
  const memo = createBytesMemo<string>(10_000, () => 7n);
  memo.set(bytesOf("a"), "of a", 4);
  expect(memo.get(bytesOf("b"))).toBeUndefined();
  memo.set(bytesOf("b"), "of b", 4);
  expect([memo.get(bytesOf("a")), memo.get(bytesOf("b"))]).toEqual([undefined, "of b"]);
});

test("G4: never more than its bytes, and what is asked for stays", () => {
  const memo = createTextMemo<number>(100_000);
  memo.set("asked for", 1, 0);
  for (let n = 0; n < 5000; n += 1) {
    memo.set(`key ${n}`, n, n % 997);
    expect(memo.bytes).toBeLessThanOrEqual(100_000);
    expect(memo.get("asked for")).toBe(1);
  }
  expect(memo.get("key 4999")).toBe(4999);
  expect(memo.get("key 10")).toBeUndefined();
});

test("a value that is set again counts once, one that is too large is not kept", () => {
  const memo = createTextMemo<number>(100_000);
  memo.set("key", 1, 1000);
  const { bytes } = memo;
  for (let n = 0; n < 1000; n += 1) memo.set("key", n, 1000);
  expect(memo.bytes).toBe(bytes);
  memo.set("key", 2, 30_000);
  expect(memo.get("key")).toBeUndefined();
  expect(memo.bytes).toBe(0);
});
