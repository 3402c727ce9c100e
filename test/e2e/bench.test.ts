import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gochatCommand } from "../../bench/server-process.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gochat-bench-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function bench(...words: string[]): Promise<{ code: number; result: Record<string, unknown>; page: string }> {
  const file = join(folder, `${words[0]}.json`);
  const child = Bun.spawn([...gochatCommand(), "bench", ...words, "--json", file], {
    stdout: "ignore",
    stderr: "pipe",
  });
  const code = await child.exited;
  if (code > 1) throw new Error(await new Response(child.stderr).text());
  const page = await Bun.file(file.replace(".json", ".html")).text();
  return { code, result: (await Bun.file(file).json()) as Record<string, unknown>, page };
}

const faithful = { lost: 0, duplicated: 0, reordered: 0, violations: [] };

test("bench world: every message reaches every socket, beside the reference", async () => {
  const { code, result, page } = await bench("world", "--conns", "50", "--rate", "20", "--seconds", "2");
  expect(result).toMatchObject({ scenario: "world", connections: 50, deliveries: 2000, closed: 0, ...faithful });
  for (const name of ["serverCpuUsPerDelivery", "referenceCpuUsPerDelivery", "ratioToReference"])
    expect(result[name]).toBeGreaterThan(0);
  expect(code).toBe(0);
  expect(page).toContain("Every message reached every socket");
}, 60_000);

test("bench storm: what is written while sockets are lost and come back reaches every one", async () => {
  const { code, result } = await bench("storm", "--conns", "100", "--wave");
  expect(result).toMatchObject({ scenario: "storm", connections: 100, written: 30, ...faithful });
  expect(code).toBe(0);
}, 60_000);

test("bench send: every acked message is stored and shown", async () => {
  const { code, result } = await bench("send", "--conns", "4", "--closed", "20", "--seconds", "1");
  expect(result).toMatchObject({ scenario: "send", kind: "single", connections: 4, refused: 0, ...faithful });
  expect(result.storedPerSecond).toBeGreaterThan(10);
  expect(code).toBe(0);
}, 60_000);
