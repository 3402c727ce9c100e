import { describe, expect, test } from "bun:test";
import { createChecker } from "./checker.ts";

const conversationId = "world";
const send = (n: number) => ({ conversationId, senderId: "7", clientMsgId: `c${n}` });
const ack = (n: number, seqId = n) => ({ ...send(n), messageId: `m${n}`, seqId });
const row = (n: number, seqId = n) => ({ id: `m${n}`, seqId, senderId: "7", clientMsgId: `c${n}` });

function good() {
  const checker = createChecker();
  for (const n of [1, 2, 3]) {
    checker.sent(send(n));
    checker.acked(ack(n));
  }
  return checker;
}

test("a faithful run has no violation", () => {
  const checker = good();
  const device = checker.device("a", conversationId);
  for (const n of [1, 2, 3]) device.shown(n, `m${n}`);
  device.expect(1, 3);
  checker.acked(ack(2));
  checker.history(conversationId, [row(1), row(2), row(3)]);
  expect(checker.verdict()).toMatchObject({ sent: 3, acked: 3, lost: 0, duplicated: 0, reordered: 0, violations: [] });
});

describe("G1 acked = kept", () => {
  test("an acked message that the history lacks is lost", () => {
    const checker = good();
    checker.history(conversationId, [row(1), row(2)]);
    expect(checker.verdict().lost).toBe(1);
  });
  test("an ack with another seq than the history's is lost", () => {
    const checker = createChecker();
    checker.acked(ack(1, 2));
    checker.history(conversationId, [row(1, 1), row(2, 2)]);
    expect(checker.verdict().lost).toBe(1);
  });
  test("a row that a device was never shown is lost, unless it was announced", () => {
    const checker = good();
    const device = checker.device("a", conversationId);
    device.shown(1, "m1");
    device.shown(3, "m3");
    device.expect(1, 3);
    const other = checker.device("b", conversationId);
    other.shown(1, "m1");
    other.missed(2, 3);
    other.expect(1, 3);
    checker.history(conversationId, [row(1), row(2), row(3)]);
    expect(checker.verdict()).toMatchObject({ lost: 1, missed: 2, reordered: 0 });
  });
});

describe("G2 one order", () => {
  test("a hole in the history", () => {
    const checker = createChecker();
    checker.history(conversationId, [row(1, 1), row(3, 3)]);
    expect(checker.verdict().reordered).toBe(1);
  });
  test("a history that changes", () => {
    const checker = createChecker();
    checker.history(conversationId, [row(1), row(2)]);
    checker.history(conversationId, [row(1), row(9, 2), row(3)]);
    expect(checker.verdict().reordered).toBe(1);
  });
  test("a late push may only fill a hole", () => {
    const checker = createChecker();
    const device = checker.device("a", conversationId);
    for (const seq of [5, 7, 6]) device.shown(seq, `m${seq}`);
    expect(checker.verdict().reordered).toBe(0);
    device.shown(4, "m4");
    expect(checker.verdict().reordered).toBe(1);
  });
  test("a push that is not the history's row", () => {
    const checker = createChecker();
    checker.device("a", conversationId).shown(1, "other");
    checker.history(conversationId, [row(1)]);
    expect(checker.verdict().reordered).toBe(1);
  });
});

describe("G3 one message", () => {
  test("two acks of one send with different ids", () => {
    const checker = good();
    checker.acked({ ...ack(1), messageId: "m9" });
    expect(checker.verdict().duplicated).toBe(1);
  });
  test("one send stored twice", () => {
    const checker = createChecker();
    checker.history(conversationId, [row(1, 1), { ...row(1, 2), id: "m2" }]);
    expect(checker.verdict().duplicated).toBe(1);
  });
});
