import { readFileSync } from "node:fs";

/** How many files and sockets this process may have open. The runtime raises `soft` to `hard` when it starts. */
export interface DescriptorLimit {
  readonly soft: number;
  readonly hard: number;
}

/** Undefined where the system does not tell. "unlimited" is Infinity. */
export function readDescriptorLimit(file = "/proc/self/limits"): DescriptorLimit | undefined {
  try {
    const found = /^Max open files\s+(\S+)\s+(\S+)/m.exec(readFileSync(file, "utf8"));
    if (found === null) return undefined;
    const [soft, hard] = [found[1], found[2]].map((text) => (text === "unlimited" ? Infinity : Number(text)));
    return soft === undefined || hard === undefined ? undefined : { soft, hard };
  } catch {
    return undefined;
  }
}
