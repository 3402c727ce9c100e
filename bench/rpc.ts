import { create, toBinary } from "@bufbuild/protobuf";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { SendMessageRequestSchema } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { machine, round } from "./result.ts";
import { type RpcKind, type RpcOptions, rpcKinds } from "./rpc-options.ts";
import { median, type RpcResult, type RpcRound } from "./rpc-result.ts";
import { benchPath, benchToken, cpuPath } from "./rpc-server.ts";
import { gochatCommand } from "./server-process.ts";
import { startServing } from "./serving-process.ts";

/** Calls per kind before anything counts: the compilers of the runtime come to rest. */
const warmUpCalls = 10_000;

/** Server CPU of unary calls, three servers side by side, each in a process of its own; the rounds take turns, so that what else the machine does meets all of them. */
export async function runRpc(options: RpcOptions): Promise<RpcResult> {
  await using servers = new AsyncDisposableStack();
  const urls = new Map<RpcKind, string>();
  for (const kind of rpcKinds)
    urls.set(kind, servers.use(await startServing(kind, [...gochatCommand(), "bench", "rpc", "--serve", kind])).url);
  for (const url of urls.values()) await callMany(url, warmUpCalls, options.clients);
  const rounds: RpcRound[] = [];
  for (let n = 0; n < options.rounds; n += 1) {
    const figures = { bare: 0, fast: 0, library: 0 };
    for (const [kind, url] of urls) figures[kind] = await cpuUsPerCall(url, options);
    rounds.push(figures);
  }
  const of = (kind: RpcKind): number => round(median(rounds.map((one) => one[kind])));
  return {
    scenario: "rpc",
    bareUs: of("bare"),
    fastUs: of("fast"),
    libraryUs: of("library"),
    ratio: round(median(rounds.map(({ fast, bare }) => fast / bare)), 3),
    calls: options.calls,
    clients: options.clients,
    rounds,
    versions: { bun: Bun.version },
    machine: machine(),
  };
}

async function cpuUsPerCall(url: string, { calls, clients }: RpcOptions): Promise<number> {
  const before = await cpuUs(url);
  await callMany(url, calls, clients);
  return ((await cpuUs(url)) - before) / calls;
}

async function cpuUs(url: string): Promise<number> {
  return Number(await (await fetch(url + cpuPath)).text());
}

/** As the client transport sends them: binary, with a deadline and the service token. */
async function callMany(url: string, calls: number, clients: number): Promise<void> {
  const body = toBinary(
    SendMessageRequestSchema,
    create(SendMessageRequestSchema, {
      userId: "7268401923583999",
      conversationId: "s_7268401923583999_7268401923584001",
      content: "Good morning! Did the train come on time today, or shall we start without you?",
      type: MessageType.TEXT,
      clientMsgId: "0192f3a4-5b6c-7d8e-9fa0-b1c2d3e4f506",
    }),
  );
  const headers = {
    "content-type": "application/proto",
    "connect-protocol-version": "1",
    "connect-timeout-ms": "5000",
    "accept-encoding": "identity",
    "x-service-name": "im-gateway",
    "x-service-token": benchToken,
    "x-trace-id": "4bf92f3577b34da6a3ce929d0e0e4736",
  };
  let left = calls;
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const response = await fetch(url + benchPath, { method: "POST", headers, body });
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`the server answered ${response.status}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, one));
}
