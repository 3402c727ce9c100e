import type { Client, ServiceImpl } from "@connectrpc/connect";
import { CacheUnavailableError } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import { AppError, isAppError } from "#proto/errors.ts";
import type { OnlineSession } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import type { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import { IDS_MAX } from "#proto/limits.ts";
import type { AccountEvents } from "../account-events.ts";
import type { Accounts } from "../auth/accounts.ts";
import type { Sessions } from "../auth/sessions.ts";
import { invalid, requireUserId } from "./arguments.ts";

export interface AccountMethodDeps {
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly repo: {
    readonly session: Pick<Client<typeof SessionService>, "listSessions">;
    readonly onlineStatus: Pick<Client<typeof OnlineStatusService>, "getUserOnlineStatus">;
  };
  readonly clog: Logger;
  readonly accountEvents: Pick<AccountEvents, "upgraded">;
}

type Methods = "upgradeGuest" | "changePassword" | "listSessions" | "revokeSessions";

/** What somebody who is signed in does with the account: the part of AuthService behind a token. */
export function accountMethods(deps: AccountMethodDeps): Pick<ServiceImpl<typeof AuthService>, Methods> {
  const { accounts, sessions, repo, clog, accountEvents } = deps;

  /** Open sockets by login session; none is known while presence is away. */
  async function socketsOf(userId: string): Promise<Map<string, OnlineSession>> {
    try {
      const { status } = await repo.onlineStatus.getUserOnlineStatus({ userId });
      return new Map(status?.sessions.map((socket) => [socket.sid, socket]) ?? []);
    } catch (error) {
      if (!isAppError(error, "SERVICE_UNAVAILABLE") && !(error instanceof CacheUnavailableError)) throw error;
      clog.warn("sessions are listed without presence", { err: error });
      return new Map();
    }
  }

  return {
    async upgradeGuest({ userId, username, password, sessionId }) {
      requireUserId(userId);
      const user = await accounts.upgrade(userId, { username, password });
      accountEvents.upgraded(user);
      const { accessToken, refreshToken, accessExpiresAt } = await sessions.renew(user, sessionId);
      return { accessToken, refreshToken, expiresIn: BigInt(accessExpiresAt), user };
    },

    async changePassword({ userId, oldPassword, newPassword, sessionId }) {
      requireUserId(userId);
      await accounts.changePassword(userId, { oldPassword, newPassword });
      await sessions.endOthers(userId, sessionId, "password changed");
      return { success: true };
    },

    async listSessions({ userId }) {
      requireUserId(userId);
      const [{ sessions: rows }, sockets] = await Promise.all([
        repo.session.listSessions({ userId }),
        socketsOf(userId),
      ]);
      return {
        sessions: rows.map(({ id, deviceId, platform, ip, clientInfo, createdAt, lastSeenAt }) => {
          const socket = sockets.get(id);
          const lastSeen = socket !== undefined && socket.lastSeen > lastSeenAt ? socket.lastSeen : lastSeenAt;
          const online = socket !== undefined;
          return { sessionId: id, deviceId, platform, ip, clientInfo, createdAt, lastSeen, online };
        }),
      };
    },

    async revokeSessions({ userId, sessionIds, reason }) {
      requireUserId(userId);
      if (sessionIds.length > IDS_MAX) throw invalid("session_ids");
      const ended = await sessions.end(userId, sessionIds, reason);
      if (ended.length === 0 && sessionIds.length > 0) throw new AppError("SESSION_NOT_FOUND");
      return { revoked: ended.length };
    },
  };
}
