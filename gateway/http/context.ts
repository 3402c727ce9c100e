import type { Verdict } from "#infra/ratelimit/ratelimit.ts";
import type { Identity } from "../auth/token-verifier.ts";
import type { LogicClients } from "../clients.ts";
import { callOptions } from "../clients.ts";
import type { BodyLimits } from "./body.ts";

/** What the server hands to the routes. `address` is the client's, by spec 60 §8. */
export interface ApiEnv {
  Bindings: { readonly address: string };
}

/** Whose a request is. */
export interface Caller {
  readonly identity: Identity;
  readonly token: string;
}

/** One request of the API on its way through its endpoint. */
export class ApiCall {
  readonly request: Request;
  readonly address: string;
  readonly traceId: string;
  /** Context of the request, when its trace is sampled. */
  readonly traceparent: string | undefined;
  /** Of the rate limit that was asked last: the headers of the answer tell what is left of it. */
  verdict: Verdict | undefined;
  caller: Caller | undefined;

  constructor(request: Request, address: string, traceId: string, traceparent: string | undefined) {
    this.request = request;
    this.address = address;
    this.traceId = traceId;
    this.traceparent = traceparent;
  }

  /** Behind an entrance for signed-in users. */
  get identity(): Identity {
    return this.#known().identity;
  }

  get token(): string {
    return this.#known().token;
  }

  #known(): Caller {
    if (this.caller === undefined) throw new Error("nobody has to sign in here");
    return this.caller;
  }
}

/** What the routes need. */
export interface ApiDeps {
  readonly logic: LogicClients;
  readonly backendMs: number;
  readonly body: BodyLimits;
}

/** Options of a call on behalf of the signed-in caller. */
export function callerOptions(c: ApiCall, { backendMs }: ApiDeps): ReturnType<typeof callOptions> {
  return callOptions(backendMs, c.traceId, c.identity, c.traceparent);
}
