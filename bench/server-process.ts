import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A GoChat of the bench's own, in a process of its own, on a data folder that is removed afterwards. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** CPU time the process has used, user and system, in microseconds. */
  cpuUs(): Promise<number>;
  /** Resident memory, bytes. */
  rssBytes(): Promise<number>;
}

const startTimeoutMs = 60_000;
const ticksPerSecond = 100;

/** Starts `gochat serve` on a free port and waits for its ready line. `settings` are keys of the configuration. */
export async function startServer(settings: Readonly<Record<string, string>>): Promise<ServerProcess> {
  const data = await mkdtemp(join(tmpdir(), "gochat-bench-"));
  const set = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const args = ["serve", "--port", "0", "--data", data, ...set];
  // A single-file executable is its own command; otherwise Bun runs the same main file.
  const command = Bun.main.endsWith("/cli/main.ts")
    ? [process.execPath, Bun.main, ...args]
    : [process.execPath, ...args];
  const child = Bun.spawn(command, {
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, LOG_LEVEL: "warn", NO_COLOR: "1" },
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await child.exited;
    await rm(data, { recursive: true, force: true });
  };
  try {
    const url = await readyUrl(child.stdout);
    return {
      url,
      pid: child.pid,
      cpuUs: () => cpuUs(child.pid),
      rssBytes: () => rssBytes(child.pid),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readyUrl(stdout: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  const reader = stdout.getReader();
  const deadline = Date.now() + startTimeoutMs;
  let text = "";
  while (Date.now() < deadline) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    const url = /GoChat is ready: (\S+)/.exec(text)?.[1];
    if (url !== undefined) {
      reader.releaseLock();
      return url;
    }
  }
  throw new Error(`the server did not become ready:\n${text}`);
}

async function cpuUs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
}

async function rssBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}
