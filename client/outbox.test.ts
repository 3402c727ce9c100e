import { describe, expect, test } from "bun:test";
import { createManualClock } from "./clock.ts";
import { createOutbox, type Pending } from "./outbox.ts";
import { createMemoryStorage } from "./storage.ts";

function setup(storage = createMemoryStorage()) {
  const clock = createManualClock();
  const wire: string[] = [];
  const stored: string[] = [];
  let up = true;
  const outbox = createOutbox({
    clock,
    random: () => 0.5,
    transmit: (message: Pending) => {
      if (up) wire.push(message.clientMsgId);
      return up;
    },
    onChange: () => undefined,
    onStored: (message) => stored.push(message.clientMsgId),
    repeatable: (code) => code === "SERVICE_UNAVAILABLE" || code === "RATE_LIMITED",
    storage,
  });
  const cut = () => {
    up = false;
    outbox.disconnected();
  };
  const join = () => {
    up = true;
    outbox.connected();
  };
  return { clock, wire, stored, outbox, cut, join, storage };
}
const done = { messageId: "9", seqId: 3, createdAt: 1 };
const draft = (clientMsgId: string) => ({ conversationId: "c", content: "hello", clientMsgId });

describe("resend (spec 20 §6, G3)", () => {
  test("without a final ack within 10 s the same id is sent again, then after 1, 2, 4 … 30 s", () => {
    const { outbox, clock, wire, join } = setup();
    join();
    outbox.send(draft("a"));
    clock.advance(9_999);
    expect(wire).toEqual(["a"]);
    clock.advance(1);
    expect(wire.length).toBe(2);
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const before = wire.length;
      clock.advance(waitMs - 1);
      expect(wire.length).toBe(before);
      clock.advance(1);
      expect(wire.length).toBe(before + 1);
    }
    expect(new Set(wire)).toEqual(new Set(["a"]));
  });

  test("after every reconnect all without a final ack go out again, in the order of sending", () => {
    const { outbox, wire, cut, join } = setup();
    outbox.send(draft("a"));
    outbox.send(draft("b"));
    expect(wire).toEqual([]);
    join();
    expect(wire).toEqual(["a", "b"]);
    outbox.acked("a", done);
    cut();
    outbox.send(draft("c"));
    join();
    expect(wire).toEqual(["a", "b", "b", "c"]);
  });

  test("an ack ends the repeats and resolves the promise", async () => {
    const { outbox, clock, wire, stored, join } = setup();
    join();
    const sent = outbox.send(draft("a"));
    outbox.acked("a", done);
    expect(await sent.ack).toEqual(done);
    clock.advance(120_000);
    expect(wire).toEqual(["a"]);
    expect(stored).toEqual(["a"]);
    expect(clock.waiting()).toBe(0);
  });

  test("a later success wins over an earlier failed; never the reverse", async () => {
    const { outbox, stored, join } = setup();
    join();
    const sent = outbox.send(draft("a"));
    outbox.failed("a", "USER_MUTED");
    expect(sent.ack).rejects.toMatchObject({ code: "USER_MUTED" });
    expect(outbox.pending("c")[0]).toMatchObject({ state: "failed", code: "USER_MUTED" });
    outbox.acked("a", done);
    expect(outbox.pending()).toEqual([]);
    outbox.failed("a", "USER_MUTED");
    expect(outbox.pending()).toEqual([]);
    expect(stored).toEqual(["a"]);
  });

  test("a refusal at the entrance is repeated after the stated wait when the table allows it", () => {
    const { outbox, clock, wire, join } = setup();
    join();
    outbox.send(draft("a"));
    outbox.refused("a", "RATE_LIMITED", 5_000);
    expect(outbox.pending()[0]?.heldUntilMs).toBe(clock.now() + 5_000);
    clock.advance(4_999);
    expect(wire).toEqual(["a"]);
    clock.advance(1);
    expect(wire).toEqual(["a", "a"]);
    expect(outbox.pending()[0]?.heldUntilMs).toBeUndefined();
    outbox.refused("a", "MESSAGE_TOO_LARGE");
    expect(outbox.pending()[0]?.code).toBe("MESSAGE_TOO_LARGE");
  });

  test("retry keeps the id, except after IDEMPOTENCY_CONFLICT", () => {
    const { outbox, wire, join } = setup();
    join();
    outbox.send(draft("a"));
    outbox.failed("a", "CONTENT_REJECTED");
    expect(outbox.retry("a")?.clientMsgId).toBe("a");
    expect(wire).toEqual(["a", "a"]);
    outbox.failed("a", "IDEMPOTENCY_CONFLICT");
    expect(outbox.retry("a")?.clientMsgId).not.toBe("a");
    expect(outbox.pending().length).toBe(1);
  });
});

describe("G4 bounded", () => {
  test("at most 32 are unanswered at a time, the next leaves with the next answer", () => {
    const { outbox, wire, join } = setup();
    join();
    for (let i = 0; i < 40; i++) outbox.send(draft(`m${i}`));
    expect(wire.length).toBe(32);
    outbox.acked("m0", done);
    expect(wire.length).toBe(33);
  });

  test("the 201st waiting message is rejected", async () => {
    const { outbox } = setup();
    for (let i = 0; i < 200; i++) outbox.send(draft(`m${i}`));
    expect(outbox.send(draft("x")).ack).rejects.toMatchObject({ code: "OUTBOX_FULL" });
    expect(outbox.pending().length).toBe(200);
  });
});

test("unsent messages outlive a restart, for their owner only", () => {
  const first = setup();
  first.outbox.restore("u1");
  first.outbox.send(draft("a"));
  const second = setup(first.storage);
  second.join();
  second.outbox.restore("u2");
  expect(second.wire).toEqual([]);
  second.outbox.restore("u1");
  expect(second.wire).toEqual(["a"]);
});

test("a cancelled message is not sent again", () => {
  const { outbox, clock, wire, join } = setup();
  join();
  const sent = outbox.send(draft("a"));
  outbox.cancel("a");
  expect(sent.ack).rejects.toMatchObject({ code: "CANCELLED" });
  clock.advance(60_000);
  expect(wire).toEqual(["a"]);
});
