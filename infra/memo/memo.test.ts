import { expect, test } from "bun:test";
import { createBytesMemo, createTextMemo, textBytes } from "./memo.ts";

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

test("a key that is a part of a larger buffer is copied, too: it does not hold the whole", () => {
  const memo = createBytesMemo<string>(10_000);
  // A body of several chunks is a Buffer, whose slice is no copy.
  const body = Buffer.concat([bytesOf("abc"), bytesOf("def")]);
  memo.set(body.subarray(0, 3), "made", 4);
  body.fill(0);
  expect(memo.get(bytesOf("abc"))).toBe("made");
});

test("G4: one wide character makes a text take two bytes for each", () => {
  expect([textBytes("x".repeat(900)), textBytes(`${"x".repeat(900)}\u4e2d`)]).toEqual([900, 1802]);
  const memo = createTextMemo<number>(100_000);
  memo.set(`${"x".repeat(900)}\u4e2d`, 1, 0);
  expect(memo.bytes).toBeGreaterThanOrEqual(1802);
});
