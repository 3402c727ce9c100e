import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { createLogger } from "./clog.ts";
import { openStdout } from "./stdout.ts";

const kib = "x".repeat(1023).concat("\n");

test("G4: what a reader does not take waits up to 1 MiB, the rest is left out, and told when it reads again", () => {
  const waiting: (() => void)[] = [];
  const told: number[] = [];
  const write = openStdout((lines) => told.push(lines), {
    write: (_, done) => waiting.push(done) > 0,
    on: () => undefined,
  });
  for (let n = 0; n < 1030; n += 1) write(kib);
  expect(waiting).toHaveLength(1024);
  for (const done of waiting.splice(0)) done();
  expect(told).toEqual([6]);
  write(kib);
  expect(waiting).toHaveLength(1);
});

test("G8: an output that throws does not reach who logs", () => {
  const broken = () => {
    throw Object.assign(new Error("broken pipe"), { code: "EPIPE" });
  };
  const clog = createLogger({ service: "gateway", level: "debug", format: "json", write: broken });
  expect(() => clog.error("stopping")).not.toThrow();
});

/** Logs 4 MB, then stops as asked: what a process does whose log nobody reads. */
const chatty = fileURLToPath(new URL("./chatty-process.ts", import.meta.url));

test.each(["unread", "closed"] as const)(
  "G8: a log whose pipe is %s does not keep a process from stopping",
  async (pipe) => {
    const child = Bun.spawn([process.execPath, chatty], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const log = child.stdout.getReader();
    await log.read();
    if (pipe === "closed") await log.cancel();
    const said = child.stderr.getReader();
    expect(new TextDecoder().decode((await said.read()).value)).toBe("logged\n");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  },
);
