import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { processIdentity } from "./processes.ts";
import { InfraError } from "./server.ts";

const waitMs = 600_000;

/** Runs `body` while no other process holds `file`; waits up to ten minutes. The lock of a process that has ended is void. */
export async function withLock<T>(file: string, body: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true });
  const untilMs = Date.now() + waitMs;
  while (!take(file)) {
    if (Date.now() > untilMs) throw new InfraError(`another process works on the servers since ten minutes (${file})`);
    await Bun.sleep(100);
  }
  try {
    return await body();
  } finally {
    rmSync(file, { force: true });
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, `${process.pid} ${processIdentity(process.pid)}`, { flag: "wx" });
    return true;
  } catch {
    if (holderLives(file)) return false;
    rmSync(file, { force: true });
    return false;
  }
}

function holderLives(file: string): boolean {
  try {
    const [pid = "", ...identity] = readFileSync(file, "utf8").split(" ");
    // An empty file is one that its holder is about to fill.
    return pid === "" || processIdentity(Number(pid)) === identity.join(" ");
  } catch {
    return false;
  }
}
