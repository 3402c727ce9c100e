import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import { AppError } from "#proto/errors.ts";
import { bearerToken } from "../auth/bearer.ts";
import type { TokenCheck } from "../auth/token-check.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { ApiCall, Caller } from "./context.ts";
import type { Endpoint } from "./endpoint.ts";
import { createEntrance, type Entrance } from "./limits.ts";

/** Who may enter an endpoint. */
export interface Guard {
  /** Column "Auth" of spec 10, then the rate limits `api_default` and that of the endpoint. Throws what `TokenCheck.identify`
   *  throws, UNAUTHORIZED, GUEST_FORBIDDEN, RATE_LIMITED. */
  enter(call: ApiCall, endpoint: Pick<Endpoint, "auth" | "limit">): Promise<void>;
  readonly entrance: Entrance;
}

export function createGuard(tokens: TokenCheck, ratelimit: RateLimit, metrics: GatewayMetrics): Guard {
  const entrance = createEntrance(ratelimit);
  const requests = metrics.authRequests.with({ type: "http" });

  async function identify(headers: Headers): Promise<Caller> {
    const token = bearerToken(headers);
    requests.inc();
    try {
      return { identity: await tokens.identify(token), token: token ?? "" };
    } catch (error) {
      if (error instanceof AppError) metrics.authFailures.inc({ reason: error.code });
      throw error;
    }
  }

  return {
    entrance,
    async enter(call, { auth, limit }) {
      let resource = `ip:${call.address}`;
      if (auth !== "none") {
        call.caller = await identify(call.request.headers);
        const { userId, isGuest } = call.identity;
        if (isGuest && auth === "registered") throw new AppError("GUEST_FORBIDDEN");
        resource = `user:${userId}`;
      }
      call.verdict = await entrance.pass([{ rule: "api_default", resource }]);
      // The inner rule is the tighter one: it is told.
      if (limit !== undefined) call.verdict = await entrance.pass([{ rule: limit, resource }]);
    },
  };
}
