import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** CPU time that a process and its descendants have used, user and system, microseconds. Processes that are gone count 0. */
export function cpuUsOfTree(pid: number): number {
  return treeOf(pid).reduce((all, one) => all + cpuUsOf(one), 0);
}

/** Resident memory of a process and its descendants, bytes. */
export function rssBytesOfTree(pid: number): number {
  return treeOf(pid).reduce((all, one) => all + rssBytesOf(one), 0);
}

/** A process, its children and theirs. */
export function treeOf(pid: number): number[] {
  const all = [pid];
  for (const one of all) {
    for (const thread of entries(`/proc/${one}/task`)) {
      const children = read(`/proc/${one}/task/${thread}/children`);
      all.push(...children.split(" ").filter(Boolean).map(Number));
    }
  }
  return all;
}

/** The kernel's exact count, in ticks of 10 ms; threads that have ended are in it. */
function cpuUsOf(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10_000;
}

function rssBytesOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** The local process that listens on a TCP port, if it may be looked at. */
export function listenerOf(port: number): number | undefined {
  const hex = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of read(table).split("\n")) {
      const fields = line.trim().split(/\s+/);
      // 0A: LISTEN.
      if (fields[1]?.endsWith(hex) === true && fields[3] === "0A") inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return undefined;
  return entries("/proc")
    .map(Number)
    .find((pid) => pid > 0 && holds(pid, inodes));
}

function holds(pid: number, inodes: ReadonlySet<string>): boolean {
  return entries(`/proc/${pid}/fd`).some((fd) => inodes.has(link(`/proc/${pid}/fd/${fd}`)));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function entries(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
