import type { MiddlewareHandler } from "hono";
import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import { AppError } from "#proto/errors.ts";
import type { TokenCheck } from "../auth/token-check.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { type ApiEnv, bearerToken } from "./context.ts";
import { createEntrance, type Entrance } from "./limits.ts";

/** Who may enter a route: column "Auth" of spec 10. Each also asks the rate limit `api_default`. */
export interface Guard {
  /** `–` */
  readonly anybody: MiddlewareHandler<ApiEnv>;
  /** `U`: any signed-in account. */
  readonly signedIn: MiddlewareHandler<ApiEnv>;
  /** `R`: registered accounts; a guest gets GUEST_FORBIDDEN. */
  readonly registered: MiddlewareHandler<ApiEnv>;
  readonly entrance: Entrance;
}

export function createGuard(tokens: TokenCheck, ratelimit: RateLimit, metrics: GatewayMetrics): Guard {
  const entrance = createEntrance(ratelimit);
  const byAddress = entrance.limit("api_default", (c) => `ip:${c.env.address}`);
  const byUser = entrance.limit("api_default", (c) => `user:${c.get("identity").userId}`);

  function signedIn(guests: boolean): MiddlewareHandler<ApiEnv> {
    return async (c, next) => {
      const token = bearerToken(c.req.raw.headers);
      metrics.authRequests.inc({ type: "http" });
      let identity: Awaited<ReturnType<TokenCheck["identify"]>>;
      try {
        identity = await tokens.identify(token);
      } catch (error) {
        if (error instanceof AppError) metrics.authFailures.inc({ reason: error.code });
        throw error;
      }
      c.set("identity", identity);
      c.set("token", token ?? "");
      if (!guests && identity.isGuest) throw new AppError("GUEST_FORBIDDEN");
      // Its result only finalises the response, which `next` has set.
      await byUser(c, next);
    };
  }

  return { anybody: byAddress, signedIn: signedIn(true), registered: signedIn(false), entrance };
}
