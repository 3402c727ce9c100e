import { describe, expect, test } from "bun:test";
import { createTraffic, type Traffic } from "./traffic.ts";
import { verifyConversation } from "./verify.ts";

const route = { socket: 0, conversationId: "c" };

/** Messages 0…n−1, acked as seq 5, 6, … */
function run(n: number) {
  const traffic = createTraffic(1);
  traffic.watch(() => "c", 1);
  const rows = Array.from({ length: n }, (_, index) => {
    traffic.add({ route, dueMs: 1, seq: 0, id: "" });
    traffic.ack(0, {
      clientMsgId: `${traffic.prefix}${index}`,
      messageId: `m${index}`,
      seqId: 5 + index,
      success: true,
    });
    return { id: `m${index}`, seqId: 5 + index, clientMsgId: `${traffic.prefix}${index}` };
  });
  return { traffic, rows };
}

const verdict = (traffic: Traffic, rows: Parameters<typeof verifyConversation>[1]) =>
  verifyConversation("c", rows, traffic.sends, traffic);

test("a faithful run has no fault", () => {
  const { traffic, rows } = run(3);
  expect(verdict(traffic, rows)).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, violations: [] });
});

describe("G1 acked = kept", () => {
  test("an acked message that the history lacks", () => {
    const { traffic, rows } = run(3);
    expect(verdict(traffic, rows.slice(0, 2)).lost).toBe(1);
  });

  test("a message that was never answered", () => {
    const { traffic, rows } = run(2);
    traffic.add({ route, dueMs: 1, seq: 0, id: "" });
    expect(verdict(traffic, rows).lost).toBe(1);
  });
});

test("G2 one order: a hole, and a row that was shown under another id", () => {
  const { traffic, rows } = run(3);
  const [first, , third] = rows;
  if (first === undefined || third === undefined) throw new Error("no rows");
  expect(verdict(traffic, [first, third]).reordered).toBe(1);
  traffic.fresh({ conversationId: "c", seqs: [6], ids: ["other"], dueMs: [0], contiguous: true, frames: 1 }, 0);
  expect(verdict(traffic, rows).reordered).toBe(1);
});

describe("G3 one message", () => {
  test("one send stored twice", () => {
    const { traffic, rows } = run(2);
    const again = { id: "m9", seqId: 7, clientMsgId: `${traffic.prefix}0` };
    expect(verdict(traffic, [...rows, again]).duplicated).toBe(1);
  });

  test("two acks of one send that differ", () => {
    const { traffic } = run(1);
    traffic.ack(0, { clientMsgId: `${traffic.prefix}0`, messageId: "m1", seqId: 6, success: true });
    expect(traffic.faults).toHaveLength(1);
  });
});
