import { Hono } from "hono";
import type { Logger } from "#infra/clog/clog.ts";
import type { Once } from "#infra/once/once.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { AppError } from "#proto/errors.ts";
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
import { type Answer, createExchange, jsonAnswer, type Work } from "./exchange.ts";
import { friendEndpoints, friendHandlers } from "./friends.ts";
import type { Guard } from "./guard.ts";
import { memberEndpoints, memberHandlers } from "./members.ts";
import { messageChangeEndpoints, messageChangeHandlers } from "./message-changes.ts";
import { messageEndpoints, messageHandlers } from "./messages.ts";
import { mount } from "./mount.ts";
import { openApiDocument } from "./openapi.ts";
import { pinEndpoints, pinHandlers } from "./pins.ts";
import { errorEnvelope } from "./respond.ts";
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
  readonly gzipAbove: number;
  /** Of the program, for the document. */
  readonly version: string;
}

/** The HTTP API (spec 10): routes, one place for errors, trace ids, metrics by route. `app.request()` runs it without a
 *  port; CORS, compression and the total limits are the server's. */
export function createApp(deps: AppDeps): Hono<ApiEnv> {
  const { guard, version } = deps;
  const app = new Hono<ApiEnv>();
  const exchange = createExchange(deps);
  const mounted = { ...deps, exchange };

  const api = new Hono<ApiEnv>();
  mount(api, authEndpoints, authHandlers(deps, deps.signOut), mounted);
  mount(api, accountEndpoints, accountHandlers(deps, deps.signOut), mounted);
  mount(api, userEndpoints, userHandlers(deps), mounted);
  mount(api, draftEndpoints, draftHandlers(deps), mounted);
  mount(api, conversationChangeEndpoints, conversationChangeHandlers(deps), mounted);
  mount(api, conversationEndpoints, conversationHandlers(deps, guard), mounted);
  mount(api, friendEndpoints, friendHandlers(deps), mounted);
  mount(api, memberEndpoints, memberHandlers(deps), mounted);
  mount(api, messageEndpoints, messageHandlers(deps, guard), mounted);
  mount(api, messageChangeEndpoints, messageChangeHandlers(deps, guard), mounted);
  mount(api, pinEndpoints, pinHandlers(deps), mounted);
  // Made when first asked for: the same text as in docs/api.
  const file = (path: string, type: string, make: () => Answer["body"]): void => {
    let body: Answer["body"] | undefined;
    const work: Work = async () => {
      body ??= make();
      return { status: 200, body, headers: { "Content-Type": type } };
    };
    api.get(path, exchange({ method: "GET", name: `/api${path}` }, work));
  };
  file("/openapi.json", "application/json", () => JSON.stringify(openApiDocument(contract, version)));
  file("/schema.binpb", "application/x-protobuf", () => descriptorSet(publicSchemas));
  for (const prefix of apiPrefixes) app.route(prefix, api);

  const methodsOf = methodFinder(app);
  const unknown: Work = async (call, c) => {
    const allowed = methodsOf(c.req.path);
    const error = allowed.length > 0 ? new AppError("METHOD_NOT_ALLOWED") : new AppError("NOT_FOUND");
    const { status, body } = errorEnvelope(error, call.traceId);
    return jsonAnswer(status, body, allowed.length > 0 ? { Allow: allowed.join(", ") } : {});
  };
  // What is no error of an endpoint is the server's to answer.
  app.onError((error) => {
    throw error;
  });
  // One name for all of them, not one per guess.
  app.notFound(exchange({ method: "GET", name: "none" }, unknown));
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
