import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { type Cache, CacheUnavailableError } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import { isAppError } from "#proto/errors.ts";
import { type User, UserSchema } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import type { Accounts } from "./accounts.ts";
import { type TokenClaims, type Tokens, tokenHash } from "./tokens.ts";

export type Validation =
  | { readonly valid: true; readonly user: User; readonly claims: TokenClaims }
  | { readonly valid: false; readonly code: "INVALID_TOKEN" | "TOKEN_EXPIRED" | "USER_DISABLED" };

export interface ValidationDeps {
  readonly sessions: Pick<Client<typeof SessionService>, "isTokenRevoked">;
  readonly accounts: Pick<Accounts, "getSignedIn">;
  readonly tokens: Tokens;
  readonly cache: Cache;
  readonly clog: Logger;
  /** Unix ms */
  readonly clock: () => number;
}

/** How long an answer may be remembered, at most. A sign-out is seen at once all the same: it leaves its mark in the cache,
 *  which is read beside the remembered answer. */
const rememberedMs = 60_000;

export interface Validator {
  /** Signature, end, issuer, type, blacklist, revocation of the session, account. Throws only when repo is away. */
  validate(accessToken: string): Promise<Validation>;
  /** Drops the remembered answer. */
  forget(accessToken: string): Promise<void>;
}

export function createValidator(deps: ValidationDeps): Validator {
  const { cache, tokens } = deps;
  const log = deps.clog.namespace("validation");
  const rememberedKey = (hash: string): string => `user:token:verified:${hash}`;

  async function inCache<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CacheUnavailableError)) throw error;
      log.warn("tokens are checked against the database: the cache is away", { err: error });
      return undefined;
    }
  }

  async function remember(hash: string, user: User, claims: TokenClaims): Promise<void> {
    const ttlMs = Math.min(rememberedMs, claims.exp * 1000 - deps.clock());
    if (ttlMs > 0) await inCache(() => cache.set(rememberedKey(hash), toJsonString(UserSchema, user), { ttlMs }));
  }

  return {
    async validate(accessToken) {
      const verdict = await tokens.verify(accessToken, "access");
      if (verdict.is !== "valid") {
        return { valid: false, code: verdict.is === "expired" ? "TOKEN_EXPIRED" : "INVALID_TOKEN" };
      }
      const { claims } = verdict;
      const hash = tokenHash(accessToken);
      const marks = [`revoked:sid:${claims.sid}`, `token:blacklist:${hash}`, rememberedKey(hash)];
      const [revoked, blacklisted, remembered] = (await inCache(() => cache.mget(marks))) ?? [];
      if (revoked !== undefined || blacklisted !== undefined) return { valid: false, code: "INVALID_TOKEN" };
      if (remembered !== undefined) return { valid: true, user: fromJsonString(UserSchema, remembered), claims };

      const answer = await deps.sessions.isTokenRevoked({
        tokenHash: hash,
        sid: claims.sid,
        expiresAt: BigInt(claims.exp),
      });
      if (answer.revoked) return { valid: false, code: "INVALID_TOKEN" };
      try {
        const user = await deps.accounts.getSignedIn(claims.sub);
        await remember(hash, user, claims);
        return { valid: true, user, claims };
      } catch (error) {
        if (isAppError(error, "INVALID_TOKEN")) return { valid: false, code: "INVALID_TOKEN" };
        if (isAppError(error, "USER_DISABLED")) return { valid: false, code: "USER_DISABLED" };
        throw error;
      }
    },

    async forget(accessToken) {
      await inCache(() => cache.del([rememberedKey(tokenHash(accessToken))]));
    },
  };
}
