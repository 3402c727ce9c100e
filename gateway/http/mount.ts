import type { Context, Hono } from "hono";
import type { Once } from "#infra/once/once.ts";
import { AppError } from "#proto/errors.ts";
import { readJson } from "./body.ts";
import type { ApiCall, ApiDeps, ApiEnv } from "./context.ts";
import { type Endpoint, type Endpoints, type Input, type PathParam, pathParams, type Reply } from "./endpoint.ts";
import { type Answer, type Exchange, jsonAnswer, type Work } from "./exchange.ts";
import type { Guard } from "./guard.ts";
import { idempotent, type Kept } from "./idempotency.ts";
import { JsonText } from "./json-text.ts";
import { errorEnvelope } from "./respond.ts";
import { checked } from "./validate.ts";

export type Handler<E extends Endpoint> = (call: ApiCall, input: Input<E>) => Promise<Reply<E>>;

/** One handler for each endpoint, by the same name. */
export type Handlers<R extends Endpoints> = { readonly [K in keyof R]: Handler<R[K]> };

/** What every handler is, whatever its endpoint. */
type AnyHandler = (
  call: ApiCall,
  input: { params: Readonly<Record<string, string>>; query: unknown; body: unknown },
) => Promise<Kept>;

export interface MountDeps extends Pick<ApiDeps, "body"> {
  readonly guard: Guard;
  readonly exchange: Exchange;
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
    const method = shape.method.toUpperCase();
    const mounted: Mounted = { ...deps, shape, handler, queryOf: queryReader(shape) };
    const work: Work = (call, c) => respond(call, c, mounted);
    app.on(method, path, deps.exchange({ method, name: `/api${path}` }, work));
  }
}

/** One endpoint with all that it takes to answer. */
interface Mounted extends MountDeps {
  readonly shape: Endpoint;
  readonly handler: AnyHandler;
  readonly queryOf: (c: Context<ApiEnv>) => unknown;
}

async function respond(call: ApiCall, c: Context<ApiEnv>, mounted: Mounted): Promise<Answer> {
  await mounted.guard.enter(call, mounted.shape);
  const { notFound, errors } = mounted.shape;
  try {
    return await answered(call, c, mounted);
  } catch (error) {
    if (!(error instanceof AppError) || notFound?.includes(error.code) !== true) throw error;
    if (errors?.includes(error.code) === true && error.details?.userId === undefined) throw error;
    return jsonAnswer(404, errorEnvelope(error, call.traceId).body);
  }
}

async function answered(call: ApiCall, c: Context<ApiEnv>, mounted: Mounted): Promise<Answer> {
  const { shape, handler, queryOf, once } = mounted;
  const params = paramsOf(c);
  const query = queryOf(c);
  const body =
    shape.body === undefined
      ? undefined
      : checked(shape.body, await readJson(call.request, mounted.body), shape.invalid);
  const run = (): Promise<Kept> => handler(call, { params, query, body });
  const kept =
    shape.idempotent === true
      ? await idempotent(once, call, [shape.method, shape.path, params, body], run)
      : await run();
  const { status, data, message = "OK" } = kept;
  if (data instanceof JsonText) return { status, body: data, headers: { "Content-Type": "application/json" } };
  return jsonAnswer(status, data === undefined ? { success: true, message } : { success: true, message, data });
}

/** The same query comes again and again: what it was checked to is kept by its text, and never changed. */
function queryReader({ query: schema }: Endpoint): (c: Context<ApiEnv>) => unknown {
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

function paramsOf(c: Context<ApiEnv>): Readonly<Record<string, string>> {
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
