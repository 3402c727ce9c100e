import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openRotatingFile } from "./rotate.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gochat-log-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
const text = (name: string): string => {
  const bytes = readFileSync(join(folder, name));
  return name.endsWith(".gz") ? new TextDecoder().decode(Bun.gunzipSync(bytes)) : bytes.toString();
};
const filesOf = (name: string): string[] =>
  readdirSync(folder)
    .filter((file) => file.startsWith(name))
    .toSorted();

test("60 §3: no file passes its bytes, no line is cut or lost, closed files are packed", async () => {
  const lines = Array.from({ length: 100 }, (_, at) => `line ${at} ü\n`);
  {
    await using log = openRotatingFile({
      path: join(folder, "a.log"),
      bytesMax: 120,
      backupsMax: 100,
      ageMsMax: 1e12,
      compress: true,
    });
    for (const line of lines) log.write(line);
  }
  const files = filesOf("a.log");
  const closed = files.filter((file) => file !== "a.log");
  expect(closed.length).toBeGreaterThan(5);
  expect(closed.every((file) => file.endsWith(".gz"))).toBe(true);
  expect([...closed, "a.log"].map(text).join("")).toBe(lines.join(""));
  for (const file of files) expect(Buffer.byteLength(text(file))).toBeLessThanOrEqual(120);
});

test("G4: only so many closed files are kept, none beyond its age; a restart appends", async () => {
  let nowMs = Date.now();
  const options = {
    path: join(folder, "b.log"),
    bytesMax: 10,
    backupsMax: 3,
    ageMsMax: 3_600_000,
    compress: false,
    clock: () => nowMs,
  };
  {
    await using log = openRotatingFile(options);
    for (let at = 0; at < 10; at += 1) log.write(`line ${at}\n`);
  }
  expect(filesOf("b.log")).toHaveLength(4);
  expect(text("b.log")).toBe("line 9\n");
  const oldest = filesOf("b.log").find((file) => file !== "b.log") ?? "";
  utimesSync(join(folder, oldest), new Date(0), new Date(0));
  nowMs += 1000;
  await using again = openRotatingFile({ ...options, bytesMax: 16 });
  again.write("and on\n");
  expect(text("b.log")).toBe("line 9\nand on\n");
  again.write("further\n");
  expect(filesOf("b.log")).not.toContain(oldest);
});
