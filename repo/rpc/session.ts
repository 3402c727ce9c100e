import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { isUuid } from "#infra/uid/uid.ts";
import { AppError } from "#proto/errors.ts";
import { type Session, SessionSchema, type SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import { CLIENT_INFO_CHARS_MAX, DEVICE_ID_CHARS_MAX, IDS_MAX } from "#proto/limits.ts";
import type { RepoContext } from "../context.ts";
import { createSessions, type SessionRow, type SessionStore } from "../store/session.ts";
import { checkText, idOf, invalid } from "./arguments.ts";
import { loginFailureMethods } from "./login-failures.ts";

const platformCharsMax = 16;
const ipCharsMax = 45;
const claimsBytesMax = 4096;
const hashForm = /^[0-9a-f]{64}$/;

/** gochat.repo.v1.SessionService. Errors: INVALID_PARAMETER, INVALID_TOKEN, TOKEN_EXPIRED, TOKEN_REUSED,
 *  SERVICE_UNAVAILABLE. */
export function sessionService(
  context: RepoContext,
  sessions: SessionStore = createSessions(context),
): Partial<ServiceImpl<typeof SessionService>> {
  return {
    ...loginFailureMethods(context),

    async createSession({ session, refreshHash, refreshClaims }) {
      if (!session || !isUuid(session.id)) throw invalid("session");
      const { id, deviceId, platform, clientInfo, ip, expiresAt } = session;
      checkText(deviceId, "device_id", DEVICE_ID_CHARS_MAX);
      checkText(platform, "platform", platformCharsMax);
      checkText(clientInfo, "client_info", CLIENT_INFO_CHARS_MAX);
      checkText(ip, "ip", ipCharsMax);
      const row = await sessions.create({
        id,
        userId: idOf(session.userId, "user_id"),
        deviceId,
        platform,
        clientInfo,
        ip,
        refreshHash: hashOf(refreshHash, "refresh_hash"),
        refreshClaims: claimsOf(refreshClaims).json,
        expiresAtMs: Number(expiresAt) * 1000,
      });
      return { session: toSession(row) };
    },

    async rotateRefreshToken({ oldHash, newHash, newClaims, deviceId, sessionId, userId }) {
      checkText(deviceId, "device_id", DEVICE_ID_CHARS_MAX);
      const claims = claimsOf(newClaims);
      const result = await sessions.rotate({
        of:
          sessionId === ""
            ? { hash: hashOf(oldHash, "old_hash") }
            : { sessionId: isUuid(sessionId) ? sessionId : "", userId: idOf(userId, "user_id") },
        newHash: hashOf(newHash, "new_hash"),
        newClaims: claims.json,
        deviceId,
        expiresAtMs: claims.expiresAtMs,
      });
      switch (result.is) {
        case "rotated":
        case "repeated":
          return {
            session: toSession(result.session),
            refreshClaims: result.session.refreshClaims,
            replayed: result.is === "repeated",
          };
        case "reused":
          throw new AppError("TOKEN_REUSED", { details: { sessionId: result.session.id } });
        case "expired":
          throw new AppError("TOKEN_EXPIRED");
        default:
          throw new AppError("INVALID_TOKEN");
      }
    },

    async revokeSessions({ userId, sessionIds }) {
      if (sessionIds.length > IDS_MAX) throw invalid("session_ids");
      const revoked = await sessions.revoke(idOf(userId, "user_id"), sessionIds);
      return { revoked: revoked.length, sessionIds: revoked };
    },

    async listSessions({ userId }) {
      return { sessions: (await sessions.list(idOf(userId, "user_id"))).map(toSession) };
    },

    async blacklistToken({ tokenHash, expiresAt }) {
      await sessions.blacklist(hashOf(tokenHash, "token_hash"), Number(expiresAt) * 1000);
      return { revoked: true };
    },

    async isTokenRevoked({ tokenHash, sid }) {
      return { revoked: !isUuid(sid) || (await sessions.isRevoked(hashOf(tokenHash, "token_hash"), sid)) };
    },
  };
}

function toSession(row: SessionRow): Session {
  const seconds = (ms: number | null): bigint => BigInt(Math.floor((ms ?? 0) / 1000));
  return create(SessionSchema, {
    id: row.id,
    userId: row.userId.toString(),
    deviceId: row.deviceId ?? "",
    platform: row.platform ?? "",
    clientInfo: row.clientInfo ?? "",
    ip: row.ip ?? "",
    refreshCount: row.refreshCount,
    expiresAt: seconds(row.expiresAt),
    revokedAt: seconds(row.revokedAt),
    lastSeenAt: seconds(row.lastSeenAt),
    createdAt: seconds(row.createdAt),
  });
}

/** The claims belong to logic; only the end of the token matters here. */
function claimsOf(json: string): { json: string; expiresAtMs: number } {
  if (json.length > claimsBytesMax) throw invalid("refresh_claims");
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalid("refresh_claims");
  }
  const exp = typeof value === "object" && value !== null && "exp" in value ? value.exp : undefined;
  if (typeof exp !== "number" || !Number.isSafeInteger(exp)) throw invalid("refresh_claims");
  return { json, expiresAtMs: exp * 1000 };
}

function hashOf(text: string, field: string): string {
  if (!hashForm.test(text)) throw invalid(field);
  return text;
}
