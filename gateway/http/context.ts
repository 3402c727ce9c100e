import type { Context } from "hono";
import { AppError } from "#proto/errors.ts";
import type { Identity } from "../auth/token-verifier.ts";
import type { LogicClients } from "../clients.ts";
import { callOptions } from "../clients.ts";
import type { BodyLimits } from "./body.ts";

/** What a request carries through the routes. `address` is the client's, by spec 60 §8. */
export interface ApiEnv {
  Bindings: { readonly address: string };
  Variables: {
    traceId: string;
    /** Context of the request, when its trace is sampled. */
    traceparent: string | undefined;
    /** Set behind `signedIn` and `registered`. */
    identity: Identity;
    token: string;
  };
}

export type ApiContext = Context<ApiEnv>;

/** What the routes need. */
export interface ApiDeps {
  readonly logic: LogicClients;
  readonly backendMs: number;
  readonly body: BodyLimits;
}

/** Options of a call on behalf of the signed-in caller. */
export function callerOptions(c: ApiContext, { backendMs }: ApiDeps): ReturnType<typeof callOptions> {
  return callOptions(backendMs, c.get("traceId"), c.get("identity"), c.get("traceparent"));
}

/** The token of `Authorization: Bearer`, undefined without the header. Throws UNAUTHORIZED for another form. */
export function bearerToken(headers: Headers): string | undefined {
  const header = headers.get("authorization");
  if (header === null) return undefined;
  const match = /^Bearer ([^\s]+)$/i.exec(header);
  if (match?.[1] === undefined) throw new AppError("UNAUTHORIZED");
  return match[1];
}
