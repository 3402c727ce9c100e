import { expect, test } from "bun:test";
import { deleteMany } from "#infra/db/steps.ts";
import { createTestRepo } from "./testing.ts";
import type { Written } from "./writes.ts";

test("rows of conversations that are deleted by a plan are told of, those of the outbox are not", async () => {
  await using repo = await createTestRepo();
  const { db, tables, writes } = repo.context;
  const told: Written[] = [];
  writes?.watch((written) => void told.push(written));
  await db.transaction(() => deleteMany({ table: tables.outbox, by: tables.outbox.id }, [1n]));
  expect(told).toEqual([]);
  const { conversationMembers: m } = tables;
  await db.transaction(() => deleteMany({ table: m, by: m.id }, [1n]));
  expect(told.map(({ all }) => all)).toEqual([true]);
});

test("a transaction that is rolled back is told of all the same, before its error", async () => {
  await using repo = await createTestRepo();
  const { db, tables, writes } = repo.context;
  const order: string[] = [];
  writes?.watch(() => void order.push("told"));
  const failing = db.transaction(function* (): Generator<unknown, void, unknown> {
    yield* deleteMany({ table: tables.conversations, by: tables.conversations.id }, ["group_1"]);
    throw new Error("no");
  });
  await failing.catch(() => order.push("failed"));
  expect(order).toEqual(["told", "failed"]);
});
