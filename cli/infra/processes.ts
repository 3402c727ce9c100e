import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createConnection } from "node:net";
import { dirname, join } from "node:path";
import type { Launch } from "./server.ts";

/** A process that this project started. `identity` tells it from a later process with the same number. */
export interface ProcessRecord {
  readonly pid: number;
  readonly identity: string;
  readonly port: number;
  readonly startedAtMs: number;
  readonly stopSignal: "SIGTERM" | "SIGINT";
  readonly variant: string;
}

const stopWaitMs = 30_000;
/** A log of this size is put aside, as `<name>.log.1`, at the next start. */
const logBytesMax = 16 << 20;

export interface Processes {
  /** The record of a process that is alive and the very one we started; otherwise undefined. */
  running(name: string): ProcessRecord | undefined;
  start(name: string, launch: Launch, about: { port: number; logFile: string; variant: string }): ProcessRecord;
  /** Asks, waits up to 30 s, then ends by force. Returns false when nothing of ours ran. */
  stop(name: string): Promise<boolean>;
}

export function createProcesses(pidDir: string): Processes {
  mkdirSync(pidDir, { recursive: true });
  const fileOf = (name: string) => join(pidDir, `${name}.json`);
  const running = (name: string) => {
    const record = readRecord(fileOf(name));
    return record !== undefined && processIdentity(record.pid) === record.identity ? record : undefined;
  };
  return {
    running,
    start(name, launch, about) {
      const pid = spawnDetached(launch, about.logFile);
      const record: ProcessRecord = {
        pid,
        identity: processIdentity(pid) ?? "gone",
        port: about.port,
        startedAtMs: Date.now(),
        stopSignal: launch.stopSignal ?? "SIGTERM",
        variant: about.variant,
      };
      writeFileSync(fileOf(name), `${JSON.stringify(record)}\n`);
      return record;
    },
    async stop(name) {
      const record = running(name);
      if (record !== undefined) await endProcess(record);
      rmSync(fileOf(name), { force: true });
      return record !== undefined;
    },
  };
}

/** The process's start time together with the boot that counted it. Undefined: there is no such process, or it has ended. */
export function processIdentity(pid: number): string | undefined {
  if (process.platform !== "linux") {
    const out = Bun.spawnSync(["ps", "-o", "lstart=", "-p", String(pid)])
      .stdout.toString()
      .trim();
    return out === "" ? undefined : out;
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return parseStat(stat, boot);
  } catch {
    return undefined;
  }
}

/** Field 3 is the state, 22 the start in clock ticks since boot; field 2, the name, may hold spaces and parentheses. */
export function parseStat(stat: string, boot: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, start] = [fields[0], fields[19]];
  return start === undefined || state === "Z" || state === "X" ? undefined : `${boot}:${start}`;
}

function spawnDetached(launch: Launch, logFile: string): number {
  const [program, ...args] = launch.command;
  if (program === undefined) throw new Error("a launch needs a program");
  mkdirSync(dirname(logFile), { recursive: true });
  if (existsSync(logFile) && statSync(logFile).size > logBytesMax) renameSync(logFile, `${logFile}.1`);
  const log = openSync(logFile, "a");
  try {
    const child = spawn(program, args, {
      detached: true,
      stdio: ["ignore", log, log],
      cwd: launch.cwd,
      env: { ...process.env, ...launch.env },
    });
    child.unref();
    child.on("error", (error) => writeFileSync(logFile, `${program}: ${error.message}\n`, { flag: "a" }));
    // A program that cannot be run has no pid; 0 is no process's record, so the caller finds it ended and shows the log.
    return child.pid ?? 0;
  } finally {
    closeSync(log);
  }
}

async function endProcess(record: ProcessRecord): Promise<void> {
  const alive = () => processIdentity(record.pid) === record.identity;
  signal(record.pid, record.stopSignal);
  const until = Date.now() + stopWaitMs;
  while (alive() && Date.now() < until) await Bun.sleep(50);
  if (!alive()) return;
  signal(record.pid, "SIGKILL");
  while (alive()) await Bun.sleep(20);
}

function signal(pid: number, name: "SIGTERM" | "SIGINT" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended between the look and the signal.
  }
}

function readRecord(file: string): ProcessRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as ProcessRecord;
  } catch {
    return undefined;
  }
}

/** The last `count` lines of a file that hold something; "" when there is no file. Reads the whole file up to 1 MiB. */
export function lastLines(file: string, count: number): string {
  try {
    if (statSync(file).size > 1 << 20) return Bun.spawnSync(["tail", "-n", String(count), file]).stdout.toString();
    const lines = readFileSync(file, "utf8").split("\n");
    return lines
      .filter((line) => line.trim() !== "")
      .slice(-count)
      .join("\n");
  } catch {
    return "";
  }
}

/** True when something listens on the port of the loopback address. */
export function portAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port, timeout: 1000 });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => answer(true));
    socket.once("timeout", () => answer(false));
    socket.once("error", () => answer(false));
  });
}
