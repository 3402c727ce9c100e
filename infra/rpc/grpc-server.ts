import { once } from "node:events";
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { listenError } from "../host/start-error.ts";
import { createLibraryHandlers, type RpcHandlerOptions } from "./handler.ts";
import type { RpcService } from "./rpc.ts";
import type { RpcServer } from "./server.ts";
import type { RpcTls } from "./tls.ts";

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** For the message of a port that is in use: the variable that sets it. */
  readonly variable: string;
  readonly tls?: RpcTls | undefined;
  /** The headers as the services see them; default: as they came. */
  readonly headers?: (given: Headers, peer: string) => Headers;
}

/** Calls under way at the end get this long. */
const closingMs = 5_000;

/** gRPC, and Connect and gRPC-Web too, over HTTP/2 on a port of its own: for callers and tools that speak nothing else.
 *  Everything takes the library's way. Rejects with StartError when the port is busy. Disposing lets calls under way end,
 *  for at most 5 s. */
export async function startGrpcServer(
  services: readonly RpcService[],
  { host, port, variable, tls, headers = (given) => given }: GrpcServerOptions,
  options: RpcHandlerOptions,
): Promise<RpcServer> {
  const handlers = createLibraryHandlers(services, options, true);
  const serve = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    const [path = ""] = request.url.split("?", 1);
    const handler = handlers.get(path);
    if (handler === undefined) {
      response.writeHead(404).end();
      return;
    }
    // Whoever hung up gets no answer.
    answer(handler, request, response, headers).catch(() => response.stream.close());
  };
  const server: Http2Server =
    tls === undefined
      ? createServer(serve)
      : createSecureServer({ ...tls, requestCert: true, rejectUnauthorized: true }, serve);
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    // One that breaks is closed; the rest of the server is not concerned.
    session.on("error", () => undefined);
  });
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (error) {
    throw listenError(error, host, port, variable);
  }
  const address = server.address();
  const listening = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `${tls === undefined ? "http" : "https"}://${host}:${listening}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      const late = setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, closingMs);
      await closed;
      clearTimeout(late);
    },
  };
}

async function answer(
  handler: UniversalHandler,
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  headers: NonNullable<GrpcServerOptions["headers"]>,
): Promise<void> {
  const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
  const header = headers(universal.header, request.socket.remoteAddress ?? "");
  await universalResponseToNodeResponse(await handler({ ...universal, header }), response);
}
