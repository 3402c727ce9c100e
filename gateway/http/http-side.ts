import type { Server, WebSocketHandler } from "bun";
import type { Cache } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import { listenError } from "#infra/host/start-error.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import { createOnce } from "#infra/once/once.ts";
import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import { createRpcHandler } from "#infra/rpc/handler.ts";
import { tracedServices } from "#infra/trace/rpc.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import type { AuthSide } from "../auth/auth-side.ts";
import type { LogicClients } from "../clients.ts";
import type { GatewayConfig } from "../config.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { publicServices } from "../rpc/public.ts";
import { createAdmission } from "../ws/admission.ts";
import type { Hub } from "../ws/hub.ts";
import type { Session } from "../ws/session.ts";
import { createUpgrader } from "../ws/upgrade.ts";
import { createApp } from "./app.ts";
import { createClientAddress } from "./client-address.ts";
import { createCors } from "./cors.ts";
import { createGuard } from "./guard.ts";
import { createPageServer, type Pages } from "./pages.ts";
import { startServer } from "./server.ts";

export interface HttpSideDeps {
  readonly logic: LogicClients;
  readonly auth: AuthSide;
  readonly ratelimit: RateLimit;
  readonly hub: Hub;
  readonly sockets: WebSocketHandler<Session>;
  readonly connecting: () => number;
  readonly draining: () => boolean;
  readonly health: () => Response;
  readonly pages: Pages;
  readonly clog: Logger;
  readonly registry: Metrics;
  readonly metrics: GatewayMetrics;
  readonly tracer: Tracer;
  readonly clock: () => number;
  /** Keeps answers by `Idempotency-Key`. */
  readonly cache: Cache;
}

/** Everything that answers requests on the traffic port, wired and listening. Throws StartError when the port is busy. */
export function startHttpSide(config: GatewayConfig, deps: HttpSideDeps): Server<Session> {
  const { logic, auth, ratelimit, hub, clog, metrics, tracer, clock } = deps;
  const {
    backendTimeout: backendMs,
    bodyBytesMax,
    corsOrigins,
    gzipAbove,
    idleTimeout,
    readTimeout,
    trustedProxies,
  } = config.http;
  const cors = createCors(corsOrigins);
  const guard = createGuard(auth.tokens, ratelimit, metrics);
  const { entrance } = guard;
  const { tokens, signOut, verifier } = auth;
  const services = publicServices({ logic, tokens, entrance, signOut, backendMs });
  const { ws } = config;
  const admission = createAdmission(ws, deps);
  const limits = {
    // Hot (spec 60 §13).
    get connectionsMax() {
      return admission.socketsMax();
    },
    get connectingMax() {
      return ws.maxConnecting;
    },
  };
  const once = createOnce({ cache: deps.cache, clog });
  let listening: Server<Session> | undefined;
  try {
    listening = startServer(
      {
        port: config.port,
        hostname: config.hostname,
        sharesPort: config.sharesPort ?? false,
        idleSeconds: Math.round(idleTimeout / 1000),
        bodyBytesMax,
        gzipAbove,
      },
      {
        app: createApp({
          logic,
          backendMs,
          body: { bytesMax: bodyBytesMax, withinMs: readTimeout },
          guard,
          signOut,
          metrics,
          tracer,
          clog,
          once,
          gzipAbove,
          version: config.version,
        }),
        rpc: createRpcHandler(tracedServices(services, tracer), {
          errors: connectErrors,
          clog,
          metrics: deps.registry,
          messageBytesMax: bodyBytesMax,
        }),
        pages: createPageServer(deps.pages, () => `http://127.0.0.1:${listening?.port}`),
        upgrader: createUpgrader(limits, { ...deps, verifier, ratelimit, cors, hub, metrics, clock }),
        sockets: deps.sockets,
        cors,
        address: createClientAddress(trustedProxies),
        tracer,
        entrance,
        health: deps.health,
        clog,
      },
    );
    return listening;
  } catch (error) {
    throw listenError(error, config.hostname, config.port, "PORT");
  }
}
