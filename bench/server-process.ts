import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onCore, type Side } from "./cores.ts";
import { cpuUsOfTree, rssBytesOfTree } from "./process-figures.ts";

/** A GoChat in a process of its own. Disposing stops it politely. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  /** Of its health and metrics. */
  readonly adminUrl: string;
  readonly pid: number;
  /** The folder it keeps everything in. */
  readonly data: string;
  /** CPU time the process and its descendants have used, user and system, in microseconds. */
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
  /** Gateway processes on the one port; default 1, which is the process itself. */
  readonly gateways?: number;
  /** Default: anywhere. */
  readonly side?: Side;
}

const startTimeoutMs = 60_000;
/** A process that has not stopped by then is ended. */
const stopTimeoutMs = 45_000;

/** Starts `gochat serve` and waits for its ready line. */
export async function startServer(options: ServerOptions = {}): Promise<ServerProcess> {
  const data = options.data ?? (await mkdtemp(join(tmpdir(), "gochat-")));
  const set = Object.entries(options.settings ?? {}).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const gateways = (options.gateways ?? 1) > 1 ? ["--gateways", String(options.gateways)] : [];
  const words = ["serve", "--port", String(options.port ?? 0), "--data", data, ...gateways, ...set];
  const child = Bun.spawn(onCore(options.side ?? "anywhere", [...gochatCommand(), ...words]), {
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, LOG_LEVEL: process.env.LOG_LEVEL ?? "warn", NO_COLOR: "1" },
  });
  const stop = async (): Promise<number> => {
    child.kill("SIGTERM");
    const impatience = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    const code = await child.exited;
    clearTimeout(impatience);
    if (options.data === undefined) await rm(data, { recursive: true, force: true });
    return code;
  };
  try {
    return {
      ...(await readyUrls(child.stdout)),
      pid: child.pid,
      data,
      cpuUs: () => Promise.resolve(cpuUsOfTree(child.pid)),
      rssBytes: () => Promise.resolve(rssBytesOfTree(child.pid)),
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

async function readyUrls(stdout: ReadableStream<Uint8Array>): Promise<{ url: string; adminUrl: string }> {
  const decoder = new TextDecoder();
  const reader = stdout.getReader();
  const deadline = Date.now() + startTimeoutMs;
  let text = "";
  while (Date.now() < deadline) {
    const { value, done } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
    const [, url, adminUrl] = /GoChat is ready: (\S+)[\s\S]*?health +(\S+)\/health\s/.exec(text) ?? [];
    if (url !== undefined && adminUrl !== undefined) {
      reader.releaseLock();
      // The server listens on IPv4; a client that tries IPv6 first would measure that as well.
      return { url: url.replace("//localhost", "//127.0.0.1"), adminUrl };
    }
  }
  throw new Error(`the server did not become ready:\n${text}`);
}
