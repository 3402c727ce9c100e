import { expect, test } from "bun:test";
import { assignPerTopic } from "./kafka-assigner.ts";

test("members of one group that read different topics each get only theirs, all of it", () => {
  const assigned = assignPerTopic(
    new Map([
      ["a", ["m2", "m1"]],
      ["b", ["m3"]],
    ]),
    new Map([
      ["a", [2, 0, 1]],
      ["b", [0, 1]],
    ]),
  );
  expect(Object.fromEntries(assigned)).toEqual({ m1: { a: [0, 2] }, m2: { a: [1] }, m3: { b: [0, 1] } });
});

test("more members than partitions: the rest waits with nothing", () => {
  const assigned = assignPerTopic(new Map([["a", ["m1", "m2"]]]), new Map([["a", [0]]]));
  expect(Object.fromEntries(assigned)).toEqual({ m1: { a: [0] }, m2: {} });
});
