import { availableParallelism } from "node:os";

/** Which cores a process of the bench is held on: servers on the first, load clients on the second, where there are two and the
 *  system can do it. Without that they disturb each other, and a client that waits for the server looks like a slow server. */
export type Side = "server" | "client" | "anywhere";

/** `command` on its core. */
export function onCore(side: Side, command: readonly string[]): string[] {
  if (side === "anywhere" || !canPin()) return [...command];
  return ["taskset", "-c", side === "server" ? "0" : `1-${availableParallelism() - 1}`, ...command];
}

export function canPin(): boolean {
  return process.platform === "linux" && availableParallelism() > 1 && Bun.which("taskset") !== null;
}

/** Holds this very process on the clients' core, with all its threads; where that cannot be done it stays as it is. */
export function holdOnClientCore(): void {
  if (!canPin()) return;
  Bun.spawnSync(["taskset", "-a", "-p", "-c", `1-${availableParallelism() - 1}`, String(process.pid)]);
}
