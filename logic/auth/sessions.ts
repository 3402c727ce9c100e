import type { Client } from "@connectrpc/connect";
import type { Logger } from "#infra/clog/clog.ts";
import { AppError, isAppError } from "#proto/errors.ts";
import type { User } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import type { Accounts } from "./accounts.ts";
import { parseStoredClaims, type TokenClaims, type TokenPair, type Tokens, tokenHash } from "./tokens.ts";

/** What a device tells of itself when it signs in. */
export interface Device {
  readonly deviceId: string;
  readonly platform: string;
  readonly clientInfo: string;
  readonly ip: string;
}

export interface SessionDeps {
  readonly sessions: Pick<
    Client<typeof SessionService>,
    "createSession" | "rotateRefreshToken" | "revokeSessions" | "blacklistToken" | "listSessions"
  >;
  readonly accounts: Pick<Accounts, "getSignedIn">;
  readonly tokens: Tokens;
  /** Tells the gateways to close the sockets of these login sessions (4004). */
  readonly announceRevoked: (sids: readonly string[]) => Promise<void>;
  readonly clog: Logger;
  readonly newId: () => string;
}

/** Login sessions: one per sign-in of a device, alive while its refresh token is. */
export interface Sessions {
  /** `sid` names the session. */
  open(user: User, device: Device): Promise<{ readonly sid: string; readonly pair: TokenPair }>;
  /** Rotates the refresh token. The token before answers with the same successor for 30 s from the same device; used
   *  otherwise it ends the session. Throws INVALID_TOKEN, TOKEN_EXPIRED, TOKEN_REUSED, USER_DISABLED. */
  refresh(refreshToken: string, deviceId: string): Promise<TokenPair>;
  /** New tokens for a session whose user changed; its last refresh token is replaced. Throws INVALID_TOKEN. */
  renew(user: User, sid: string): Promise<TokenPair>;
  /** Ends sessions of the user; `sids` empty = all. Their sockets close. Answers those that were alive. */
  end(userId: string, sids: readonly string[], reason: string): Promise<string[]>;
  /** Ends every session of the user but one. */
  endOthers(userId: string, sid: string, reason: string): Promise<void>;
  /** Refuses the access token until its end. */
  refuse(accessToken: string, claims: TokenClaims): Promise<void>;
}

export function createSessions(deps: SessionDeps): Sessions {
  const { sessions, tokens } = deps;
  const log = deps.clog.namespace("sessions");

  async function announce(sids: readonly string[]): Promise<void> {
    if (sids.length === 0) return;
    try {
      await deps.announceRevoked(sids);
    } catch (error) {
      // The rows are revoked: gateways find out at their next heartbeat, within 60 s.
      log.warn("cannot tell gateways of revoked sessions", { err: error, count: sids.length });
    }
  }

  async function end(userId: string, sids: readonly string[], reason: string): Promise<string[]> {
    const { sessionIds } = await sessions.revokeSessions({ userId, sessionIds: [...sids], reason });
    await announce(sessionIds);
    return sessionIds;
  }

  /** A refused rotation, as the caller is told it. */
  async function refused(error: unknown, claims: TokenClaims): Promise<unknown> {
    if (isAppError(error, "TOKEN_REUSED")) {
      log.warn("refresh token used again: session revoked", { user_id: claims.sub, session_id: claims.sid });
      await announce([claims.sid]);
    } else if (isAppError(error, "INVALID_TOKEN")) {
      // A token that we signed and nobody knows any more is older than the last two. If its session lives, it was replayed.
      const ended = await end(claims.sub, [claims.sid], "refresh token used again");
      if (ended.length > 0) return new AppError("TOKEN_REUSED", { cause: error });
    }
    return error;
  }

  return {
    async open(user, device) {
      const sid = deps.newId();
      const pair = await tokens.issue(user, sid);
      await sessions.createSession({
        session: { id: sid, userId: user.id, ...device, expiresAt: BigInt(pair.refreshExpiresAt) },
        refreshHash: tokenHash(pair.refreshToken),
        refreshClaims: JSON.stringify(pair.stored),
      });
      return { sid, pair };
    },

    async refresh(refreshToken, deviceId) {
      const verdict = await tokens.verify(refreshToken, "refresh");
      if (verdict.is !== "valid") throw new AppError(verdict.is === "expired" ? "TOKEN_EXPIRED" : "INVALID_TOKEN");
      const { claims } = verdict;
      const user = await deps.accounts.getSignedIn(claims.sub);
      const next = await tokens.issue(user, claims.sid);
      try {
        const answer = await sessions.rotateRefreshToken({
          oldHash: tokenHash(refreshToken),
          newHash: tokenHash(next.refreshToken),
          newClaims: JSON.stringify(next.stored),
          deviceId,
        });
        if (!answer.replayed) return next;
        const stored = parseStoredClaims(answer.refreshClaims);
        const successor = stored && (await tokens.reissue(claims.sub, claims.sid, stored));
        if (!successor) throw new Error("the successor of a refresh token cannot be signed again: its key is gone");
        return successor;
      } catch (error) {
        throw await refused(error, claims);
      }
    },

    async renew(user, sid) {
      const pair = await tokens.issue(user, sid);
      await sessions.rotateRefreshToken({
        sessionId: sid,
        userId: user.id,
        newHash: tokenHash(pair.refreshToken),
        newClaims: JSON.stringify(pair.stored),
      });
      return pair;
    },

    end,

    async endOthers(userId, sid, reason) {
      const { sessions: all } = await sessions.listSessions({ userId });
      const others = all.map(({ id }) => id).filter((id) => id !== sid);
      if (others.length > 0) await end(userId, others, reason);
    },

    async refuse(accessToken, claims) {
      const { sid, exp } = claims;
      await sessions.blacklistToken({ tokenHash: tokenHash(accessToken), sid, expiresAt: BigInt(exp) });
    },
  };
}
