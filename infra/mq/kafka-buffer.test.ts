import { expect, test } from "bun:test";
import type { KafkaMessage } from "kafkajs";
import { makeTopic, range } from "./conformance-kit.ts";
import { createFetchBuffer } from "./kafka-buffer.ts";

const message = (offset: number, value = `{"n":${offset}}`): KafkaMessage => ({
  key: null,
  value: Buffer.from(value),
  timestamp: "5",
  attributes: 0,
  offset: String(offset),
  headers: {},
});
const filled = (offsets: readonly number[], start = 0) => {
  const buffer = createFetchBuffer(makeTopic(), 0, start);
  buffer.push(offsets.map((offset) => message(offset)));
  return buffer;
};
const numbers = (read: { records: { value: { n: number } }[] }): number[] => read.records.map(({ value }) => value.n);

test("what is fetched twice is kept once", () => {
  const buffer = filled(range(0, 5));
  buffer.push(range(3, 4).map((offset) => message(offset)));
  expect(numbers(buffer.read(0, 100, 1000))).toEqual(range(0, 7));
  expect(buffer.end()).toBe(7);
});

test("a read ends at a hole, and what is behind it is the first when the rest is done", () => {
  const buffer = filled([4, 5, 9, 10], 4);
  expect(numbers(buffer.read(4, 100, 1000))).toEqual([4, 5]);
  buffer.drop(6);
  expect(buffer.first()).toBe(9);
  expect(numbers(buffer.read(9, 100, 1000))).toEqual([9, 10]);
});

test("records and bytes go down to nothing as the reader moves on", () => {
  const buffer = filled(range(0, 10));
  expect(buffer.records).toBe(10);
  expect(buffer.bytes).toBe(70);
  buffer.drop(4);
  expect(buffer.records).toBe(6);
  buffer.drop(10);
  expect([buffer.records, buffer.bytes, buffer.first(), buffer.end()]).toEqual([0, 0, 10, 10]);
});

test("a record that cannot be decoded comes alone, after those before it", () => {
  const buffer = createFetchBuffer(makeTopic(), 2, 0);
  buffer.push([message(0), message(1, "no json"), message(2)]);
  const before = buffer.read(0, 100, 1000);
  expect(numbers(before)).toEqual([0]);
  expect(before.broken).toBeUndefined();
  buffer.drop(1);
  const broken = buffer.read(1, 100, 1000).broken;
  expect(broken?.record).toMatchObject({ partition: 2, offset: 1n, raw: Buffer.from("no json") });
});
