import { expect, test } from "bun:test";
import type { MessageJson as Message } from "#proto/objects.ts";
import { createAsker } from "./asker.ts";
import { createManualClock } from "./clock.ts";
import { ClientError } from "./errors.ts";
import type { PinnedMessage } from "./messages.ts";
import { createPins } from "./pins.ts";

const pin = (seqId: number): PinnedMessage => ({ messageId: `m${seqId}`, seqId, pinnedBy: "1", createdAt: 1 });
const row = (changeType: string, targetSeqId: number): Message => ({
  id: "9",
  conversationId: "5",
  senderId: "1",
  messageType: 4,
  content: "",
  seqId: 30,
  kind: "change",
  createdAt: 50,
  changeType,
  targetSeqId,
});
const settle = async () => {
  for (let at = 0; at < 20; at++) await Promise.resolve();
};

function setup() {
  const server = { pins: [pin(2)], asked: 0, code: "" };
  const clock = createManualClock();
  const pins = createPins({
    load: async () => {
      server.asked++;
      if (server.code !== "") throw new ClientError(server.code);
      return server.pins;
    },
    asker: (run) => createAsker(run, { clock, random: () => 0.5 }),
    onChange: () => undefined,
  });
  return { server, clock, pins, seqs: () => pins.of("5")?.map(({ seqId }) => seqId) };
}

test("asked for when first looked at; pins are fetched, unpins and recalls show at once", async () => {
  const { server, pins, seqs } = setup();
  pins.apply(row("pin", 2));
  expect(server.asked).toBe(0);
  expect(seqs()).toBeUndefined();
  await settle();
  expect(seqs()).toEqual([2]);
  server.pins = [pin(4), pin(3), pin(2)];
  pins.apply(row("pin", 4));
  await settle();
  expect(seqs()).toEqual([4, 3, 2]);
  server.pins = [pin(3)];
  pins.apply(row("unpin", 4));
  pins.apply(row("recall", 2));
  expect(seqs()).toEqual([3]);
  await settle();
  const { asked } = server;
  pins.apply(row("recall", 77));
  await settle();
  expect(server.asked).toBe(asked);
});

test("refused for now, it is asked again; refused for good, it is not", async () => {
  const { server, clock, pins, seqs } = setup();
  server.code = "RATE_LIMITED";
  pins.of("5");
  await settle();
  server.code = "";
  clock.advance(2_000);
  await settle();
  expect(seqs()).toEqual([2]);
  server.code = "NOT_CONVERSATION_MEMBER";
  pins.refresh();
  await settle();
  expect(clock.waiting()).toBe(0);
});
