import type { Server } from "bun";
import type { Cache } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import type { Coord } from "#infra/coord/coord.ts";
import { type CheckState, watchChecks } from "#infra/host/checks.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { Mq } from "#infra/mq/mq.ts";
import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import type { RpcService } from "#infra/rpc/rpc.ts";
import type { RpcTls } from "#infra/rpc/tls.ts";
import { noTracer, type Tracer } from "#infra/trace/trace.ts";
import { createAuthSide } from "./auth/auth-side.ts";
import type { LogicClients, RepoClients } from "./clients.ts";
import type { GatewayConfig } from "./config.ts";
import { proberOf, startConsumers } from "./consumers.ts";
import { moveClients, stopListening, within } from "./drain.ts";
import { healthResponse } from "./http/health.ts";
import { startHttpSide } from "./http/http-side.ts";
import type { Pages } from "./http/pages.ts";
import { createGatewayMetrics } from "./metrics.ts";
import { startGrpcSide } from "./rpc/grpc-side.ts";
import { RPC_URL_KEY } from "./rpc/other-gateways.ts";
import { startServiceSide } from "./rpc/service-side.ts";
import { showSessionCount } from "./session-count.ts";
import { closes } from "./ws/close-codes.ts";
import { createHub } from "./ws/hub.ts";
import type { Session } from "./ws/session.ts";
import { createSocketSide } from "./ws/socket-side.ts";

export interface GatewayDeps {
  readonly mq: Mq;
  readonly logic: LogicClients;
  readonly repo: RepoClients;
  readonly coord: Coord;
  readonly ratelimit: RateLimit;
  readonly cache: Cache;
  readonly clog: Logger;
  readonly metrics: Metrics;
  /** Default: none. */
  readonly tracer?: Tracer | undefined;
  /** Bun's bundles by path; the gateway itself knows no page. */
  readonly pages?: Pages | undefined;
  /** Unix ms. Default Date.now. */
  readonly clock?: (() => number) | undefined;
  /** What callers must show on the RPC port, and this gateway to the others; without it no such port is opened. */
  readonly serviceToken?: string | undefined;
  /** Of that port and of calls to the others. */
  readonly rpcTls?: RpcTls | undefined;
}

export interface RunningGateway extends AsyncDisposable {
  /** gochat.gateway.v1 and health, for other services only: served on `rpcUrl`, never on `url`. */
  readonly services: readonly RpcService[];
  /** Undefined without a service token. */
  readonly rpcUrl: string | undefined;
  readonly url: string;
  /** Undefined without `grpc_port`. */
  readonly grpcUrl: string | undefined;
  /** Aborts when another process has taken this gateway's id: the process is to end. */
  readonly replaced: AbortSignal;
  checks(): Readonly<Record<string, CheckState>>;
}

const tickMs = 1000;
/** For sends, ends and events under way at a stop, ms; presence forgets by itself what it was not told. */
const idleMs = 10_000;

/** Starts a gateway: consumes its topics from their ends until its own probes came back, then listens, then registers.
 *  Disposing drains (spec 20 §10): out of the registry, no new sockets, clients moved away, what they sent is handed on,
 *  presence told, consumers stopped. Rejects with StartError when the port is busy. */
export async function startGateway(config: GatewayConfig, deps: GatewayDeps): Promise<RunningGateway> {
  const clog = deps.clog.namespace("gateway");
  const clock = deps.clock ?? Date.now;
  const { gatewayId } = config;
  const { mq, logic, ratelimit } = deps;
  const tracer = deps.tracer ?? noTracer;
  const incarnation = Bun.randomUUIDv7();
  const hub = createHub();
  const metrics = createGatewayMetrics(deps.metrics, hub);
  const auth = createAuthSide(config.jwt, { logic, hub, clock, metrics });
  const replaced = new AbortController();
  let draining = false;
  let server: Server<Session> | undefined;

  function giveWay(): void {
    if (replaced.signal.aborted) return;
    clog.error("another process has taken this gateway's id", { gateway_id: gatewayId });
    draining = true;
    for (const session of hub.all()) session.close(closes.goingAway.code, closes.goingAway.reason);
    replaced.abort();
  }

  const side = createSocketSide(
    { config, incarnation },
    {
      ...deps,
      clog,
      clock,
      hub,
      metrics,
      tracer,
      verifier: auth.verifier,
      prober: proberOf({ gatewayId, incarnation }, mq),
      replaced: giveWay,
      drain: () => {
        draining = true;
      },
      channels: {
        publish: (channel, wire) => server?.publish(channel, wire) ?? 0,
        subscriberCount: (channel) => server?.subscriberCount(channel) ?? 0,
      },
    },
  );

  await using stack = new AsyncDisposableStack();
  stack.use(await startConsumers({ gatewayId, incarnation }, { ...side, mq, clog }));
  const checks = stack.use(watchChecks({ log: async () => (await mq.health()).status }));
  const states = (): Readonly<Record<string, CheckState>> => ({
    ...checks.states(),
    gateway: draining ? "degraded" : "ok",
  });
  const traffic = {
    ...deps,
    auth,
    ratelimit,
    hub,
    sockets: side.handler,
    connecting: side.connecting,
    draining: () => draining,
    health: () => healthResponse(config.version, states(), clock()),
    pages: deps.pages ?? {},
    clog,
    registry: deps.metrics,
    metrics,
    tracer,
    clock,
  };
  const listening = startHttpSide(config, traffic);
  server = listening;
  stack.defer(() => stopListening(listening));
  const grpc = stack.use(await startGrpcSide(config, traffic));
  const inside = stack.use(
    await startServiceSide(config, {
      ...traffic,
      onlineStatus: deps.repo.onlineStatus,
      waiting: side.waiting,
      rooms: side.rooms,
      serviceToken: deps.serviceToken,
      rpcTls: deps.rpcTls,
    }),
  );
  const ticking = setInterval(() => {
    side.tick(clock());
    auth.verifier.sweep();
  }, tickMs);
  ticking.unref();
  stack.defer(() => clearInterval(ticking));
  stack.defer(async () => {
    if (!(await within(idleMs, side.idle()))) clog.warn("the stop left work behind", { waiting: side.waiting() });
  });
  const stopping = new AbortController();
  stack.defer(async () => {
    await moveClients(config.ws.drain, { hub, clock }, stopping.signal);
    side.stop();
  });
  const instance = {
    name: "gateway",
    id: gatewayId,
    address: config.hostname,
    port: listening.port ?? config.port,
    metadata: {
      ...{ version: config.version, incarnation },
      ...(inside.advertised === undefined ? {} : { [RPC_URL_KEY]: inside.advertised }),
    },
  };
  const registration = await deps.coord.register(instance, {
    onRegained() {
      clog.warn("the lease was lost and is regained: presence is told, clients are to sync", { gateway_id: gatewayId });
      side.regained();
    },
  });
  registration.lost.addEventListener("abort", giveWay, { once: true });
  const { metadata } = instance;
  const shown = showSessionCount({ registration, metadata, count: () => hub.size, clog });
  stack.defer(async () => {
    draining = true;
    await shown[Symbol.asyncDispose]();
    await registration.unregister();
  });
  clog.info("gateway listens", { gateway_id: gatewayId, url: listening.url.href, rpc_url: inside.url });
  const opened = stack.move();
  return {
    services: inside.services,
    rpcUrl: inside.url,
    url: listening.url.href.replace(/\/$/, ""),
    grpcUrl: grpc?.url,
    replaced: replaced.signal,
    checks: states,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
