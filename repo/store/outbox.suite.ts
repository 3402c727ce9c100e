import { expect, test } from "bun:test";
import { insertMany, now } from "#infra/db/steps.ts";
import type { CreateTestRepo } from "../testing.ts";
import { createOutboxStore } from "./outbox.ts";
import { packRanges, unpackRanges } from "./outbox-ranges.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function outboxStoreSuite(createTestRepo: CreateTestRepo): void {
  test("lists what is older than asked by the database's clock, oldest first, and deletes it", async () => {
    let nowMs = 1_800_000_000_000;
    await using repo = await createTestRepo({ clock: () => nowMs });
    const { db, tables } = repo.context;
    const outbox = createOutboxStore(repo.context);
    const ranges = [{ conversationId: "world", fromSeq: 1n, toSeq: 2n ** 60n }];
    const add = (id: bigint) =>
      db.transaction(function* () {
        yield* insertMany(tables.outbox, [{ id, ranges: packRanges(ranges), createdAt: yield* now() }]);
      });
    await add(2n);
    nowMs += 5000;
    await add(1n);
    nowMs += 6000;
    expect(await outbox.list(10_000, 10)).toEqual([{ id: 2n, ranges, ageMs: 11_000 }]);
    expect((await outbox.list(1000, 10)).map((row) => row.id)).toEqual([2n, 1n]);
    expect((await outbox.list(1000, 1)).map((row) => row.id)).toEqual([2n]);
    expect(await outbox.remove([2n, 7n])).toBe(1);
    expect((await outbox.list(0, 10)).map((row) => row.id)).toEqual([1n]);
  });

  test("500 ranges of the longest conversation ids fit the column", () => {
    const range = { conversationId: "x".repeat(64), fromSeq: 2n ** 53n, toSeq: 2n ** 53n };
    const packed = packRanges(new Array(500).fill(range));
    expect(packed.length).toBeLessThan(65_535);
    expect(unpackRanges(packed)).toHaveLength(500);
  });
}
