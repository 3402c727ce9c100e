import { Hono } from "hono";
import type { Logger } from "#infra/clog/clog.ts";
import { createSlowLog } from "#infra/metrics/slow.ts";
import type { Once } from "#infra/once/once.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { AppError, isAppError } from "#proto/errors.ts";
import type { Json } from "#proto/schemas/json-schema.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { publicSchemas } from "../rpc/public.ts";
import { descriptorSet } from "../rpc/schema.ts";
import { accountEndpoints, accountHandlers } from "./account.ts";
import { authEndpoints, authHandlers, type SignOut } from "./auth.ts";
import type { ApiDeps, ApiEnv } from "./context.ts";
import { contract } from "./contract.ts";
import { conversationChangeEndpoints, conversationChangeHandlers } from "./conversation-changes.ts";
import { conversationEndpoints, conversationHandlers } from "./conversations.ts";
import { draftEndpoints, draftHandlers } from "./drafts.ts";
import { friendEndpoints, friendHandlers } from "./friends.ts";
import type { Guard } from "./guard.ts";
import { memberEndpoints, memberHandlers } from "./members.ts";
import { messageChangeEndpoints, messageChangeHandlers } from "./message-changes.ts";
import { messageEndpoints, messageHandlers } from "./messages.ts";
import { mount } from "./mount.ts";
import { openApiDocument } from "./openapi.ts";
import { pinEndpoints, pinHandlers } from "./pins.ts";
import { errorEnvelope } from "./respond.ts";
import { traceIdOf } from "./trace.ts";
import { userEndpoints, userHandlers } from "./users.ts";

/** Every path of the API begins with one of these; the second is the canonical one. */
export const apiPrefixes = ["/api/v1", "/api"] as const;

export interface AppDeps extends ApiDeps {
  readonly guard: Guard;
  readonly signOut: SignOut;
  readonly metrics: GatewayMetrics;
  readonly tracer: Tracer;
  readonly clog: Logger;
  readonly once: Once;
  /** Of the program, for the document. */
  readonly version: string;
}

/** The HTTP API (spec 10): routes, one place for errors, trace ids, metrics by route. `app.request()` runs it without a
 *  port; CORS, compression and the total limits are the server's. */
export function createApp(deps: AppDeps): Hono<ApiEnv> {
  const { guard, metrics, tracer, clog, version } = deps;
  const app = new Hono<ApiEnv>();
  const slow = createSlowLog(clog.namespace("http"), "slow request");

  app.use(async (c, next) => {
    const startedNs = Bun.nanoseconds();
    const traceId = traceIdOf(c.req.raw.headers);
    c.set("traceId", traceId);
    const span = tracer.startTrace("HTTP", traceId, {
      kind: "server",
      parent: c.req.raw.headers.get("traceparent") ?? undefined,
    });
    c.set("traceparent", span?.traceparent);
    await next();
    c.res.headers.set("X-Trace-ID", traceId);
    c.res.headers.set("Cache-Control", "no-store");
    const labels = { method: c.req.method, route: routeOf(c.req.routePath), status: String(c.res.status) };
    if (span !== undefined) {
      span.rename(`HTTP ${labels.method} ${labels.route}`);
      span.set({ "http.route": labels.route, "http.response.status_code": c.res.status, "gochat.trace_id": traceId });
      if (c.res.status >= 500) span.fail(c.error);
      span.end();
    }
    metrics.httpRequests.inc(labels);
    const seconds = (Bun.nanoseconds() - startedNs) / 1e9;
    metrics.httpSeconds.observe(seconds, labels);
    if (seconds * 1000 > metrics.slow.requestMs) slow.tell(seconds * 1000, { ...labels, trace_id: traceId });
  });

  app.onError((error, c) => {
    const traceId = c.get("traceId");
    const { status, headers, body } = errorEnvelope(error, traceId);
    if (!isAppError(error) || error.code === "INTERNAL_ERROR") {
      clog.error("a request failed", { trace_id: traceId, route: c.req.routePath, err: error });
    }
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    return c.json(body, status);
  });

  const api = new Hono<ApiEnv>();
  mount(api, authEndpoints, authHandlers(deps, deps.signOut), deps);
  mount(api, accountEndpoints, accountHandlers(deps, deps.signOut), deps);
  mount(api, userEndpoints, userHandlers(deps), deps);
  mount(api, draftEndpoints, draftHandlers(deps), deps);
  mount(api, conversationChangeEndpoints, conversationChangeHandlers(deps), deps);
  mount(api, conversationEndpoints, conversationHandlers(deps, guard), deps);
  mount(api, friendEndpoints, friendHandlers(deps), deps);
  mount(api, memberEndpoints, memberHandlers(deps), deps);
  mount(api, messageEndpoints, messageHandlers(deps, guard), deps);
  mount(api, messageChangeEndpoints, messageChangeHandlers(deps, guard), deps);
  mount(api, pinEndpoints, pinHandlers(deps), deps);
  // Made when first asked for: the same text as in docs/api.
  let document: Json | undefined;
  api.get("/openapi.json", (c) => {
    document ??= openApiDocument(contract, version);
    return c.json(document);
  });
  let schema: Uint8Array<ArrayBuffer> | undefined;
  api.get("/schema.binpb", (c) => {
    schema ??= descriptorSet(publicSchemas);
    return c.body(schema, 200, { "Content-Type": "application/x-protobuf" });
  });
  for (const prefix of apiPrefixes) app.route(prefix, api);

  const methodsOf = methodFinder(app);
  app.notFound((c) => {
    const allowed = methodsOf(c.req.path);
    const error = allowed.length > 0 ? new AppError("METHOD_NOT_ALLOWED") : new AppError("NOT_FOUND");
    const { status, body } = errorEnvelope(error, c.get("traceId"));
    if (allowed.length > 0) c.header("Allow", allowed.join(", "));
    return c.json(body, status);
  });
  return app;
}

/** Which methods a path has, for telling 405 from 404. */
function methodFinder(app: Hono<ApiEnv>): (path: string) => string[] {
  const known = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  for (const { path, method } of app.routes) {
    if (method === "ALL") continue;
    const pattern = new RegExp(`^${path.replaceAll(/:[A-Za-z]+/g, "[^/]+")}$`);
    const entry = known.get(path) ?? { pattern, methods: new Set<string>() };
    entry.methods.add(method);
    known.set(path, entry);
  }
  return (path) => {
    // The most special path decides: `/users/search` is not a user.
    const matching = [...known.entries()].filter(([, { pattern }]) => pattern.test(path));
    const exact = matching.find(([own]) => own === path) ?? matching[0];
    return exact === undefined ? [] : [...exact[1].methods].sort();
  };
}

/** Both prefixes count as one route; a path that matched no route is one label, not one per guess. */
function routeOf(path: string): string {
  if (path === "*" || path === "/*") return "none";
  return path.replace(/^\/api\/v1/, "/api");
}
