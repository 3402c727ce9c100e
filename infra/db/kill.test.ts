import { expect, test } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformanceTable } from "./conformance-tables.ts";
import { createSqliteDb } from "./sqlite.ts";

/** Stores rows two by two without end and prints the number of each pair that was acknowledged. */
const writer = (file: string): string => `
  const here = ${JSON.stringify(import.meta.dir)};
  const { conformanceTable } = await import(here + "/conformance-tables.ts");
  const { createSqliteDb } = await import(here + "/sqlite.ts");
  const { insertMany } = await import(here + "/steps.ts");
  const db = createSqliteDb({ file: ${JSON.stringify(file)} });
  const { items, create } = conformanceTable("sqlite");
  await db.script(async (execute) => void (await execute(create)));
  const row = (id, owner) => ({ id, owner, name: String(id), count: 0 });
  for (let pair = 1n; ; pair += 1n) {
    await db.transaction(() => insertMany(items, [row(pair * 2n, pair), row(pair * 2n + 1n, pair)]));
    process.stdout.write(pair + "\\n");
  }`;

test("G1: kill -9 at any instant keeps every acknowledged transaction, and none by half", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "gochat-kill-")), "domain.db");
  const child = Bun.spawn([process.execPath, "-e", writer(file)], { stdout: "pipe", stderr: "inherit" });
  let printed = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    printed += decoder.decode(chunk);
    if (printed.length > 100 && !child.killed) child.kill("SIGKILL");
  }
  await child.exited;
  // The last line may be cut off.
  const acknowledged = BigInt(printed.split("\n").at(-2) ?? "0");
  const db = createSqliteDb({ file });
  const { items } = conformanceTable("sqlite");
  const rows = await db.q.select({ id: items.id }).from(items).orderBy(items.id);
  await db[Symbol.asyncDispose]();
  expect(BigInt(rows.length)).toBeGreaterThanOrEqual(acknowledged * 2n);
  expect(rows.length % 2).toBe(0);
  expect(rows.map((row) => row.id)).toEqual(rows.map((_, at) => BigInt(at + 2)));
});
