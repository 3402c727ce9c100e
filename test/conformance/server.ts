/** The server under test, as `connectconformance --mode server` starts it: one configuration on stdin, the address on
 *  stdout, ends with SIGTERM. */
import { create, createRegistry } from "@bufbuild/protobuf";
import { createRpcHandler } from "../../infra/rpc/handler.ts";
import { connectErrorsOnly, MESSAGE_BYTES_MAX, rpcService } from "../../infra/rpc/rpc.ts";
import { ServerCompatRequestSchema, ServerCompatResponseSchema } from "./gen/server_compat_pb.ts";
import { ConformanceService, file_connectrpc_conformance_v1_service } from "./gen/service_pb.ts";
import { conformanceService } from "./service.ts";
import { readMessages, writeMessage } from "./stdio.ts";

for await (const request of readMessages(ServerCompatRequestSchema)) {
  const handler = createRpcHandler([rpcService(ConformanceService, conformanceService)], {
    errors: connectErrorsOnly,
    jsonOptions: { registry: createRegistry(file_connectrpc_conformance_v1_service) },
    fastPath: !process.argv.includes("--library"),
    ...(request.messageReceiveLimit === 0
      ? {}
      : { messageBytesMax: request.messageReceiveLimit, answerBytesMax: MESSAGE_BYTES_MAX }),
  });
  const credentials = request.serverCreds;
  const pem = request.useTls && credentials !== undefined ? credentials : undefined;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: (incoming) => handler(incoming) ?? new Response("not found", { status: 404 }),
    ...(pem === undefined
      ? {}
      : {
          tls: {
            cert: Buffer.from(pem.cert),
            key: Buffer.from(pem.key),
            ...(request.clientTlsCert.length === 0
              ? {}
              : { ca: Buffer.from(request.clientTlsCert), requestCert: true, rejectUnauthorized: true }),
          },
        }),
  });
  const answer = { host: "127.0.0.1", port: server.port ?? 0, pemCert: pem?.cert ?? new Uint8Array() };
  await writeMessage(ServerCompatResponseSchema, create(ServerCompatResponseSchema, answer));
  break;
}
