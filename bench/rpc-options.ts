import { parseArgs } from "node:util";
import { BenchUsageError, whole } from "./options.ts";

export const rpcKinds = ["bare", "fast", "library"] as const;
/** What answers: `Bun.serve` with protobuf decode and encode and nothing else; our fast path; the library's handler. */
export type RpcKind = (typeof rpcKinds)[number];

/** What `gochat bench rpc` may be told. */
export interface RpcOptions {
  /** Calls per kind and round, 1,000…1,000,000. */
  calls: number;
  /** Calls in flight, 1…64. */
  clients: number;
  /** Interleaved rounds, 1…15; odd, so that there is a middle one. */
  rounds: number;
  /** Only serve one kind, until the process is ended: how the bench starts its servers. */
  serve: RpcKind | undefined;
  json: string | undefined;
}

export function parseRpcOptions(args: readonly string[]): RpcOptions {
  const { values } = parsed(args);
  const rounds = whole("rounds", values.rounds, 1, 15);
  if (rounds % 2 === 0) throw new BenchUsageError(`--rounds is odd, not ${rounds}: the median is a round.`);
  return {
    calls: whole("calls", values.calls, 1000, 1_000_000),
    clients: whole("clients", values.clients, 1, 64),
    rounds,
    serve: kindOf(values.serve),
    json: values.json,
  };
}

function kindOf(text: string | undefined): RpcKind | undefined {
  const kind = rpcKinds.find((one) => one === text);
  if (text !== undefined && kind === undefined) throw new BenchUsageError(`--serve is one of ${rpcKinds.join(", ")}.`);
  return kind;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        calls: { type: "string", default: "20000" },
        clients: { type: "string", default: "32" },
        rounds: { type: "string", default: "3" },
        serve: { type: "string" },
        json: { type: "string" },
      },
    });
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
}
