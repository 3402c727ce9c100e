import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A GoChat in a process of its own. Disposing stops it politely. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** The folder it keeps everything in. */
  readonly data: string;
  /** CPU time the process has used, user and system, in microseconds. */
  cpuUs(): Promise<number>;
  /** Resident memory, bytes. */
  rssBytes(): Promise<number>;
  /** Ends it at once, as a crash would; resolves when it is gone. */
  kill(): Promise<void>;
  /** Asks it to stop; answers its exit code. */
  stop(): Promise<number>;
}

export interface ServerOptions {
  /** Keys of the configuration. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A data folder that stays; without it one is made, and removed with the process. */
  readonly data?: string;
  /** Default: a free one. */
  readonly port?: number;
}

const startTimeoutMs = 60_000;
const ticksPerSecond = 100;

/** Starts `gochat serve` and waits for its ready line. */
export async function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), "gochat-")));
  const set = Object.entries(options.settings ?? {}).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const child = Bun.spawn([...gochatCommand(), "serve", "--port", String(options.port ?? 0), "--data", data, ...set], {
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, LOG_LEVEL: process.env.LOG_LEVEL ?? "warn", NO_COLOR: "1" },
  });
  const stop = async (): Promise<number> => {
    child.kill("SIGTERM");
    const code = await child.exited;
    if (options.data === undefined) await rm(data, { recursive: true, force: true });
    return code;
  };
  try {
    return {
      url: await readyUrl(child.stdout),
      pid: child.pid,
      data,
      cpuUs: () => cpuUsOf(child.pid),
      rssBytes: () => rssBytesOf(child.pid),
      kill: async () => {
        child.kill("SIGKILL");
        await child.exited;
      },
      stop,
      [Symbol.asyncDispose]: async () => void (await stop()),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** How this very program is started again: a single-file executable is its own command, otherwise Bun runs cli/main.ts. */
export function gochatCommand(): string[] {
  const source = join(import.meta.dir, "..", "cli", "main.ts");
  return existsSync(source) ? [process.execPath, source] : [process.execPath];
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
      // The server listens on IPv4; a client that tries IPv6 first would measure that as well.
      return url.replace("//localhost", "//127.0.0.1");
    }
  }
  throw new Error(`the server did not become ready:\n${text}`);
}

/** User and system time of a process, microseconds. */
export async function cpuUsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
}

/** Resident memory of a process, bytes. */
export async function rssBytesOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}
