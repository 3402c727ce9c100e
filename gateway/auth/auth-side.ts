import type { LogicClients } from "../clients.ts";
import type { GatewayConfig } from "../config.ts";
import type { SignOut } from "../http/auth.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { closes } from "../ws/close-codes.ts";
import type { Hub } from "../ws/hub.ts";
import { createKeySet } from "./key-set.ts";
import { createTokenCheck, type TokenCheck } from "./token-check.ts";
import { createTokenVerifier, type TokenVerifier } from "./token-verifier.ts";

/** Logic's answers about tokens that are remembered, and for how long (spec 10 §3). */
const answersMax = 10_000;
const answerMs = 60_000;
/** Deadline of a question to logic about keys and tokens (spec 30 §1). */
const askMs = 2000;

/** Who somebody is, for sockets, HTTP and RPC alike. */
export interface AuthSide {
  readonly verifier: TokenVerifier;
  readonly tokens: TokenCheck;
  readonly signOut: SignOut;
}

export interface AuthSideDeps {
  readonly logic: LogicClients;
  readonly hub: Hub;
  readonly clock: () => number;
  readonly metrics: Pick<GatewayMetrics, "tokenSeconds">;
}

export function createAuthSide(jwt: GatewayConfig["jwt"], { logic, hub, clock, metrics }: AuthSideDeps): AuthSide {
  const keys = createKeySet({
    clock,
    async ask() {
      const { jwks, maxAge } = await logic.auth.getKeySet({}, { timeoutMs: askMs });
      return { jwks, maxAgeSeconds: Number(maxAge) };
    },
  });
  const { issuer, verifiedMax, verifiedFor } = jwt;
  const verifier = createTokenVerifier(
    { issuer, verifiedMax, verifiedMs: verifiedFor },
    { keys, clock, seconds: metrics.tokenSeconds },
  );
  const tokens = createTokenCheck(
    { answersMax, answerMs },
    {
      verifier,
      clock,
      remembered: metrics.tokenSeconds.remembered,
      async ask(accessToken) {
        const began = performance.now();
        const { valid, errorCode } = await logic.auth.validateToken({ accessToken }, { timeoutMs: askMs });
        metrics.tokenSeconds.logic.observe((performance.now() - began) / 1000);
        return { valid, refusedAs: errorCode };
      },
    },
  );
  function ended(sid: string): void {
    verifier.revoke(sid);
    for (const session of hub.all()) {
      if (session.sid === sid) session.close(closes.signedOut.code, closes.signedOut.reason);
    }
  }

  return {
    verifier,
    tokens,
    signOut: {
      ended,
      signedOut(token, sid) {
        tokens.forget(token);
        ended(sid);
      },
    },
  };
}
