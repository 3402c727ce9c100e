import type { RpcKind } from "./rpc-options.ts";

/** Server CPU µs per call of one round. */
export type RpcRound = Readonly<Record<RpcKind, number>>;

/** What a run of `gochat bench rpc` measured; the names are for tools and stay. */
export interface RpcResult {
  readonly scenario: "rpc";
  /** Server CPU µs per unary call, user and system: the median of the rounds. */
  readonly bareUs: number;
  readonly fastUs: number;
  readonly libraryUs: number;
  /** fastUs / bareUs of a round; the median of the rounds. */
  readonly ratio: number;
  readonly calls: number;
  readonly clients: number;
  readonly rounds: readonly RpcRound[];
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string | number>>;
}

/** The most that the fast path may cost, as a multiple of the bare server. */
export const ratioTarget = 1.5;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The result for people: the verdict first. */
export function rpcText(result: RpcResult): string {
  const { bareUs, fastUs, libraryUs, ratio, calls, rounds } = result;
  const verdict = ratio <= ratioTarget ? "within" : "ABOVE";
  const row = (name: string, us: number, kind: RpcKind): string =>
    `  ${name.padEnd(34)} ${us.toFixed(1).padStart(7)} µs   ${(us / bareUs).toFixed(2).padStart(5)} ×   ${rounds.map((round) => round[kind].toFixed(1)).join("  ")}`;
  return [
    `A unary call on our fast path costs ${ratio.toFixed(2)} × a bare server: ${verdict} the target of ${ratioTarget}.`,
    "",
    `  server CPU per call, median of ${rounds.length} rounds of ${calls.toLocaleString("en")} calls; the rounds`,
    row("bare Bun.serve, protobuf in and out", bareUs, "bare"),
    row("our fast path", fastUs, "fast"),
    row("the library's handler", libraryUs, "library"),
  ].join("\n");
}
