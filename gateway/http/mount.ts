import type { Hono, MiddlewareHandler } from "hono";
import type { Once } from "#infra/once/once.ts";
import { AppError } from "#proto/errors.ts";
import { readJson } from "./body.ts";
import type { ApiContext, ApiDeps, ApiEnv } from "./context.ts";
import { type Endpoint, type Endpoints, type Input, type PathParam, pathParams, type Reply } from "./endpoint.ts";
import type { Guard } from "./guard.ts";
import { idempotent, type Kept } from "./idempotency.ts";
import { JsonText } from "./json-text.ts";
import { errorEnvelope } from "./respond.ts";
import { checked } from "./validate.ts";

export type Handler<E extends Endpoint> = (c: ApiContext, input: Input<E>) => Promise<Reply<E>>;

/** One handler for each endpoint, by the same name. */
export type Handlers<R extends Endpoints> = { readonly [K in keyof R]: Handler<R[K]> };

/** What every handler is, whatever its endpoint. */
type AnyHandler = (
  c: ApiContext,
  input: { params: Readonly<Record<string, string>>; query: unknown; body: unknown },
) => Promise<Kept>;

export interface MountDeps extends Pick<ApiDeps, "body"> {
  readonly guard: Guard;
  /** Remembers answers by `Idempotency-Key`. */
  readonly once: Once;
}

/** Puts the endpoints on the app, in their order: who may enter, limits, path, query, body, handler, envelope. */
export function mount<R extends Endpoints>(
  app: Hono<ApiEnv>,
  endpoints: R,
  handlers: Handlers<R>,
  deps: MountDeps,
): void {
  const byName = handlers as unknown as Readonly<Record<string, AnyHandler>>;
  for (const [name, shape] of Object.entries(endpoints)) {
    const handler = byName[name];
    if (handler === undefined) throw new Error(`${name} has no handler`);
    const path = shape.path.replaceAll(/\{(\w+)\}/g, ":$1");
    const entrances = [entranceOf(shape, deps.guard), ...limitOf(shape, deps.guard)];
    const [first, second] = entrances;
    const reading = { ...deps, queryOf: queryReader(shape) };
    const answer = (c: ApiContext): Promise<Response> => responded(c, shape, handler, reading);
    if (first === undefined) throw new Error("every endpoint has an entrance");
    if (second === undefined) app.on(shape.method.toUpperCase(), path, first, answer);
    else app.on(shape.method.toUpperCase(), path, first, second, answer);
  }
}

function entranceOf({ auth }: Endpoint, guard: Guard): MiddlewareHandler<ApiEnv> {
  return { none: guard.anybody, user: guard.signedIn, registered: guard.registered }[auth];
}

function limitOf({ limit, auth }: Endpoint, { entrance }: Guard): MiddlewareHandler<ApiEnv>[] {
  if (limit === undefined) return [];
  const resource = (c: ApiContext): string =>
    auth === "none" ? `ip:${c.env.address}` : `user:${c.get("identity").userId}`;
  return [entrance.limit(limit, resource)];
}

async function responded(...args: Parameters<typeof respond>): Promise<Response> {
  const [c, { notFound, errors }] = args;
  try {
    return await respond(...args);
  } catch (error) {
    if (!(error instanceof AppError) || notFound?.includes(error.code) !== true) throw error;
    if (errors?.includes(error.code) === true && error.details?.userId === undefined) throw error;
    return c.json(errorEnvelope(error, c.get("traceId")).body, 404);
  }
}

/** The same query comes again and again: what it was checked to is kept by its text, and never changed. */
function queryReader({ query: schema }: Endpoint): (c: ApiContext) => unknown {
  if (schema === undefined) return () => undefined;
  const known = new Map<string, unknown>();
  return (c) => {
    const { url } = c.req;
    const at = url.indexOf("?");
    const text = at < 0 ? "" : url.slice(at);
    const before = known.get(text);
    if (before !== undefined) return before;
    const query = checked(schema, c.req.query());
    if (text.length > queryCharsKept) return query;
    if (known.size >= queriesKept) known.clear();
    known.set(text, query);
    return query;
  };
}

const queryCharsKept = 100;
/** Of one endpoint. */
const queriesKept = 200;

interface RespondDeps extends MountDeps {
  readonly queryOf: (c: ApiContext) => unknown;
}

async function respond(c: ApiContext, shape: Endpoint, handler: AnyHandler, deps: RespondDeps): Promise<Response> {
  const params = paramsOf(c);
  const query = deps.queryOf(c);
  const body =
    shape.body === undefined ? undefined : checked(shape.body, await readJson(c.req.raw, deps.body), shape.invalid);
  const run = (): Promise<Kept> => handler(c, { params, query, body });
  const request = [shape.method, shape.path, params, body];
  const kept = shape.idempotent === true ? await idempotent(deps.once, c, request, run) : await run();
  const { status, data, message = "OK" } = kept;
  if (data instanceof JsonText) {
    const text = `{"success":true,"message":${JSON.stringify(message)},"data":${data.text}}`;
    return c.body(text, status, { "Content-Type": "application/json" });
  }
  return c.json(data === undefined ? { success: true, message } : { success: true, message, data }, status);
}

function paramsOf(c: ApiContext): Readonly<Record<string, string>> {
  const params: Readonly<Record<string, string>> = c.req.param();
  const known: Readonly<Record<string, PathParam>> = pathParams;
  for (const [name, text] of Object.entries(params)) {
    const param = known[name];
    if (param === undefined || param.fits(text)) continue;
    const code = /^\d+$/.test(text) ? param.missing : (param.word ?? param.missing);
    throw new AppError(code, code === "NOT_CONVERSATION_MEMBER" ? { details: { userId: text } } : {});
  }
  return params;
}
