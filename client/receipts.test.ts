import { expect, test } from "bun:test";
import { ClientError } from "./errors.ts";
import { createReceipts } from "./receipts.ts";

function setup() {
  const server: { answer: () => unknown } = { answer: () => ({ readers: [], unreadUserIds: [] }) };
  const changes: string[] = [];
  const receipts = createReceipts({
    call: async () => server.answer(),
    me: () => "1",
    onChange: (id) => changes.push(id),
  });
  return { server, changes, receipts };
}

test("positions only move forward, whether asked for or pushed; the own one is left out", async () => {
  const { server, changes, receipts } = setup();
  receipts.heard("5", "2", 7);
  const readers = [
    { userId: "1", lastReadSeqId: 9 },
    { userId: "2", lastReadSeqId: 5 },
    { userId: "3", lastReadSeqId: 0 },
  ];
  server.answer = () => ({ readers, unreadUserIds: [] });
  await receipts.load("5");
  expect([...receipts.of("5")]).toEqual([
    ["2", 7],
    ["3", 0],
  ]);
  receipts.heard("5", "3", 4);
  receipts.heard("5", "3", 4);
  expect(receipts.of("5").get("3")).toBe(4);
  expect(changes).toHaveLength(3);
});

test("OPERATION_NOT_SUPPORTED: a room has no positions, and that is no failure; others are", async () => {
  const { server, receipts } = setup();
  const refuse = (code: string) => {
    server.answer = () => {
      throw new ClientError(code);
    };
  };
  refuse("OPERATION_NOT_SUPPORTED");
  await receipts.load("world");
  expect(receipts.of("world").size).toBe(0);
  refuse("NOT_CONVERSATION_MEMBER");
  expect(await receipts.load("5").catch((error: ClientError) => error.code)).toBe("NOT_CONVERSATION_MEMBER");
});

test("an answer for who has signed out meanwhile is not kept", async () => {
  const { server, receipts } = setup();
  server.answer = () => {
    receipts.clear();
    return { readers: [{ userId: "2", lastReadSeqId: 5 }], unreadUserIds: [] };
  };
  await receipts.load("5");
  expect(receipts.of("5").size).toBe(0);
});
