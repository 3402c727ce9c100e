import { expect, test } from "bun:test";
import { murmur2, partitionOf } from "./partitioner.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

// Vectors of the Java client's own test (UtilsTest.testMurmur2).
test("murmur2 gives the Java client's hashes", () => {
  const vectors: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
  ];
  for (const [key, hash] of vectors) expect(murmur2(bytes(key))).toBe(hash);
  expect(murmur2(new Uint8Array([97, 98, 99]))).toBe(479470107);
});

test("a key has the same partition by text and by bytes", () => {
  for (const key of ["", "a", "ab", "abc", "world", "7312345678901234567", "größe", "世界", "👋 hi"]) {
    for (const partitions of [1, 3, 6, 64]) {
      expect(partitionOf(key, partitions)).toBe((murmur2(bytes(key)) & 0x7fffffff) % partitions);
    }
  }
});
