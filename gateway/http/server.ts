import type { HTMLBundle, Server, WebSocketHandler } from "bun";
import type { Hono } from "hono";
import type { Logger } from "#infra/clog/clog.ts";
import type { RpcHandler } from "#infra/rpc/handler.ts";
import { rpcRefusal } from "#infra/rpc/refusal.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { AppError, isAppError } from "#proto/errors.ts";
import { publicRequest } from "../rpc/public.ts";
import type { Session } from "../ws/session.ts";
import type { Upgrader } from "../ws/upgrade.ts";
import type { ClientAddress } from "./client-address.ts";
import { compressed } from "./compress.ts";
import type { ApiEnv } from "./context.ts";
import type { Cors } from "./cors.ts";
import type { Entrance } from "./limits.ts";
import type { PageServer } from "./pages.ts";
import { errorEnvelope, errorResponse } from "./respond.ts";
import { traceIdOf } from "./trace.ts";

export interface ServerOptions {
  readonly port: number;
  readonly hostname: string;
  readonly sharesPort: boolean;
  readonly idleSeconds: number;
  readonly bodyBytesMax: number;
  readonly gzipAbove: number;
}

export interface ServerDeps {
  readonly app: Hono<ApiEnv>;
  readonly rpc: RpcHandler;
  readonly pages: PageServer;
  readonly upgrader: Upgrader;
  readonly sockets: WebSocketHandler<Session>;
  readonly cors: Cors;
  readonly address: ClientAddress;
  readonly entrance: Entrance;
  readonly health: () => Response;
  readonly clog: Logger;
  readonly tracer: Tracer;
}

/** What the runtime itself refuses, without our envelope: beyond it a body is not even looked at. */
const runtimeBodyFactor = 4;

/** The one listener of a gateway: `/ws`, `/health`, `/api`, Connect and gRPC-Web, pages. Throws what `Bun.serve` throws. */
export function startServer(options: ServerOptions, deps: ServerDeps): Server<Session> {
  const routes: Record<string, HTMLBundle> = deps.pages.routes;
  return Bun.serve<Session, string>({
    port: options.port,
    hostname: options.hostname,
    reusePort: options.sharesPort,
    idleTimeout: options.idleSeconds,
    maxRequestBodySize: options.bodyBytesMax * runtimeBodyFactor,
    // Pages are built once and served as in production; error pages of the runtime would tell the outside of the inside.
    development: false,
    routes,
    websocket: deps.sockets,
    fetch: (request, server) => serve(options, deps, request, server),
    error(error) {
      deps.clog.error("a request failed outside of its handler", { err: error });
      return errorResponse(error, Bun.randomUUIDv7());
    },
  });
}

async function serve(
  options: ServerOptions,
  deps: ServerDeps,
  request: Request,
  server: Server<Session>,
): Promise<Response | undefined> {
  const path = pathOf(request.url);
  const peer = server.requestIP(request)?.address ?? "";
  const address = deps.address(peer, request.headers.get("x-forwarded-for"));
  try {
    if (path === "/ws") return await upgrade(deps, request, server, address);
    const response = await answer(options, deps, request, path, address);
    deps.cors.decorate(request, response);
    return response;
  } catch (error) {
    const traceId = traceIdOf(request.headers);
    if (!isAppError(error)) deps.clog.error("a request failed", { trace_id: traceId, path, err: error });
    const response = errorResponse(error, traceId);
    deps.cors.decorate(request, response);
    return response;
  }
}

/** Of an address that the runtime has put in its normal form; with a `Host` that is none it is the path alone. A `URL` for
 *  each request costs 1 µs more. */
function pathOf(url: string): string {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("//") + 2);
  const path = url.slice(start);
  const end = path.search(/[?#]/);
  return end < 0 ? path : path.slice(0, end);
}

/** HTTP/1.0 needs no `Host`, and one may name none: routers look for the path behind it. */
function withHost(request: Request): Request {
  return request.url.startsWith("/") ? new Request(`http://localhost${request.url}`, request) : request;
}

async function upgrade(
  deps: ServerDeps,
  request: Request,
  server: Server<Session>,
  address: string,
): Promise<Response | undefined> {
  const url = URL.parse(request.url);
  if (url === null) throw new AppError("INVALID_PARAMETER", { message: "the Host header names no host" });
  const { session, headers } = await deps.upgrader.admit(request, url, address);
  if (server.upgrade(request, { data: session, headers })) return undefined;
  throw new AppError("INVALID_PARAMETER", { message: "the upgrade failed" });
}

async function answer(
  options: ServerOptions,
  deps: ServerDeps,
  given: Request,
  path: string,
  address: string,
): Promise<Response> {
  const request = withHost(given);
  if (path === "/health") return deps.health();
  const preflight = deps.cors.preflight(request);
  if (preflight !== undefined) return preflight;
  if (path.startsWith("/api/") || path === "/api") {
    await deps.entrance.admit(address);
    return await compressed(request, await deps.app.fetch(request, { address }), options.gzipAbove);
  }
  if (path.startsWith("/gochat.")) {
    const response = await answerRpc(deps, request, address);
    if (response !== undefined) return response;
  }
  const page = deps.pages.answer(path, request.method);
  if (page !== undefined) return await page;
  throw new AppError("NOT_FOUND");
}

async function answerRpc(deps: ServerDeps, request: Request, address: string): Promise<Response | undefined> {
  const traceId = traceIdOf(request.headers);
  try {
    await deps.entrance.admit(address);
  } catch (error) {
    const { headers } = errorEnvelope(error, traceId);
    return rpcRefusal(request, connectErrors.toConnect(error, traceId), { ...headers, "X-Trace-ID": traceId });
  }
  const span = deps.tracer.startTrace(`HTTP ${request.method} rpc`, traceId, {
    kind: "server",
    parent: request.headers.get("traceparent") ?? undefined,
    attributes: { "gochat.trace_id": traceId },
  });
  try {
    const response = await deps.rpc(publicRequest(request, address, traceId, span?.traceparent));
    response?.headers.set("X-Trace-ID", traceId);
    return response;
  } finally {
    span?.end();
  }
}
