import type { Client, ServiceImpl } from "@connectrpc/connect";
import { createBulkhead } from "#infra/breaker/bulkhead.ts";
import type { Cache } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { Mq } from "#infra/mq/mq.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import { isAppError } from "#proto/errors.ts";
import type { User } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { AuthService, LogoutRequest } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import type { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { CLIENT_INFO_CHARS_MAX, DEVICE_ID_CHARS_MAX } from "#proto/limits.ts";
import type { AccountEvents } from "../account-events.ts";
import { createAccounts } from "../auth/accounts.ts";
import { createAnnouncer } from "../auth/announce.ts";
import { type JwtConfig, type PasswordConfig, tokenLives } from "../auth/config.ts";
import type { Keys } from "../auth/keys.ts";
import { createLockout } from "../auth/lockout.ts";
import { checkAvatarUrl, checkText } from "../auth/request.ts";
import { createSessions, type Device } from "../auth/sessions.ts";
import { createTokens, type TokenPair } from "../auth/tokens.ts";
import { createValidator } from "../auth/validation.ts";
import { accountMethods } from "./auth-account.ts";

export interface AuthDeps {
  readonly repo: {
    readonly user: Client<typeof UserService>;
    readonly session: Client<typeof SessionService>;
    readonly conversation: Pick<Client<typeof ConversationService>, "getConversation">;
    readonly onlineStatus: Client<typeof OnlineStatusService>;
  };
  readonly cache: Cache;
  readonly mq: Pick<Mq, "send">;
  readonly clog: Logger;
  readonly metrics: Metrics;
  readonly config: { readonly jwt: JwtConfig; readonly password: PasswordConfig };
  readonly keys: Keys;
  readonly accountEvents: AccountEvents;
  /** Unix ms */
  readonly clock: () => number;
}

/** How long a verifier may keep the key set; the next key is published 10 min before it signs (spec 10 §3). */
const keySetSeconds = 300n;
const platformCharsMax = 16;
const ipCharsMax = 45;

/** gochat.logic.v1.AuthService. The errors of each call are those of its proto comment. */
export function authService(deps: AuthDeps): Partial<ServiceImpl<typeof AuthService>> {
  const { jwt, password } = deps.config;
  const clog = deps.clog.namespace("auth");
  const { accountEvents, cache, clock, keys, repo } = deps;
  const signIns = deps.metrics.counter("gochat_sign_ins_total", "sign-ins by kind and result", ["kind", "result"]);
  const accounts = createAccounts({
    users: repo.user,
    conversations: repo.conversation,
    lockout: createLockout({ cache, clog }),
    bulkhead: createBulkhead({ runningMax: password.hashesMax, waitingMax: password.hashesWaitingMax }),
  });
  const tokens = createTokens(tokenLives(jwt), { keys, clock, newId: uuidv7 });
  const announceRevoked = createAnnouncer({ mq: deps.mq, clock });
  const sessions = createSessions({ sessions: repo.session, accounts, tokens, announceRevoked, clog, newId: uuidv7 });
  const validator = createValidator({ sessions: repo.session, accounts, tokens, cache, clog, clock });

  async function counted<T>(kind: "password" | "guest" | "refresh", work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      signIns.inc({ kind, result: "ok" });
      return result;
    } catch (error) {
      signIns.inc({ kind, result: isAppError(error) ? error.code : "INTERNAL_ERROR" });
      throw error;
    }
  }

  async function signedIn(user: User, device: Device) {
    const { sid, pair } = await sessions.open(user, device);
    accountEvents.login(user, { ...device, sid });
    return { ...answerOf(pair), user };
  }

  /** Ends the caller's session, that of the refresh token (if it is the caller's), or all. */
  async function signOut(request: LogoutRequest): Promise<void> {
    const { userId, accessToken, refreshToken, allDevices, sessionId } = request;
    const sids = new Set(sessionId === "" ? [] : [sessionId]);
    const access = await tokens.verify(accessToken, "access");
    const refresh = await tokens.verify(refreshToken, "refresh");
    for (const verdict of [access, refresh]) {
      if (verdict.is === "valid" && verdict.claims.sub === userId) sids.add(verdict.claims.sid);
    }
    if (allDevices || sids.size > 0) await sessions.end(userId, allDevices ? [] : [...sids], "logout");
    if (access.is !== "valid" || access.claims.sub !== userId) return;
    await sessions.refuse(accessToken, access.claims);
    await validator.forget(accessToken);
  }

  return {
    ...accountMethods({ accounts, sessions, repo, clog, accountEvents }),

    login: (request) =>
      counted("password", async () => {
        const device = deviceOf(request);
        return signedIn(await accounts.signIn(request), device);
      }),

    async register(request) {
      checkAvatarUrl(request.avatarUrl);
      const user = await accounts.register(request);
      accountEvents.registered(user);
      return { user };
    },

    guestLogin: (request) =>
      counted("guest", async () => {
        const device = deviceOf(request);
        const guest = await accounts.createGuest();
        accountEvents.guestCreated(guest);
        return signedIn(guest, device);
      }),

    refreshToken: ({ refreshToken, deviceId }) =>
      counted("refresh", async () => {
        checkText(deviceId, "device_id", DEVICE_ID_CHARS_MAX);
        return answerOf(await sessions.refresh(refreshToken, deviceId));
      }),

    async logout(request) {
      await signOut(request);
      return { success: true };
    },

    async validateToken({ accessToken }) {
      const answer = await validator.validate(accessToken);
      if (!answer.valid) return { valid: false, errorCode: answer.code };
      const { user, claims } = answer;
      return { valid: true, user, expiresAt: BigInt(claims.exp), sessionId: claims.sid, isGuest: claims.is_guest };
    },

    async getKeySet() {
      return { jwks: JSON.stringify(keys.jwks()), maxAge: keySetSeconds };
    },
  };
}

function answerOf(pair: TokenPair): { accessToken: string; refreshToken: string; expiresIn: bigint } {
  const { accessToken, refreshToken, accessExpiresAt } = pair;
  return { accessToken, refreshToken, expiresIn: BigInt(accessExpiresAt) };
}

function deviceOf({ deviceId, platform, clientInfo, ip }: Device): Device {
  checkText(deviceId, "device_id", DEVICE_ID_CHARS_MAX);
  checkText(platform, "platform", platformCharsMax);
  checkText(clientInfo, "client_info", CLIENT_INFO_CHARS_MAX);
  checkText(ip, "ip", ipCharsMax);
  return { deviceId, platform, clientInfo, ip };
}
