import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createRpcHandler } from "#infra/rpc/handler.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import {
  MessageService,
  type SendMessageRequest,
  SendMessageRequestSchema,
  SendMessageResponseSchema,
} from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import type { RpcKind } from "./rpc-options.ts";

/** Shown by the calls of the bench, and checked by every kind but `bare`. */
export const benchToken = "bench";
export const benchPath = `/${MessageService.typeName}/SendMessage`;
/** Answers the CPU time that the process has used, user and system, in microseconds. */
export const cpuPath = "/cpu";

/** Answers as logic does, without doing anything. */
function sendMessage(request: SendMessageRequest): MessageInitShape<typeof SendMessageResponseSchema> {
  return {
    message: {
      id: "7268401923584000",
      conversationId: request.conversationId,
      sender: { id: request.userId, username: "alice" },
      type: request.type,
      content: request.content,
      seqId: 4711n,
      clientMsgId: request.clientMsgId,
      createdAt: 1_770_000_000n,
    },
    clientMsgId: request.clientMsgId,
  };
}

/** Serves one kind on a free port and tells its address on stdout. `fast` and `library` as a service runs them: with metrics, error translation and service token. */
export function serveRpc(kind: RpcKind): void {
  const answer = kind === "bare" ? bare : handled(kind);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      if (!request.url.endsWith(cpuPath)) return answer(request);
      const { user, system } = process.cpuUsage();
      return new Response(String(user + system));
    },
  });
  console.log(`serving ${kind}: ${server.url.origin}`);
}

async function bare(request: Request): Promise<Response> {
  const input = fromBinary(SendMessageRequestSchema, new Uint8Array(await request.arrayBuffer()));
  const output = create(SendMessageResponseSchema, sendMessage(input));
  return new Response(toBinary(SendMessageResponseSchema, output), {
    headers: { "content-type": "application/proto" },
  });
}

function handled(kind: RpcKind): (request: Request) => Promise<Response> | Response {
  const handler = createRpcHandler([rpcService(MessageService, { sendMessage })], {
    errors: connectErrors,
    metrics: createMetrics(),
    serviceToken: { token: benchToken },
    fastPath: kind === "fast",
  });
  return (request) => handler(request) ?? new Response(null, { status: 404 });
}
