import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { CacheUnavailableError } from "#infra/cache/cache.ts";
import { isUuid } from "#infra/uid/uid.ts";
import { AppError, type ErrorName } from "#proto/errors.ts";
import type { OnlineStatus } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type {
  OnlineStatusService,
  SetUserOfflineRequest,
  SetUserOnlineRequest,
  SetUsersOnlineResultSchema,
} from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { IDS_MAX } from "#proto/limits.ts";
import type { RepoContext } from "../context.ts";
import type { PresenceStore } from "../store/presence.ts";
import { createSessions, type SessionStore } from "../store/session.ts";
import type { UserStore } from "../store/user.ts";
import { idOf, invalid } from "./arguments.ts";
import { gatewayLister } from "./gateways.ts";
import { arrivalOf, departureOf, shortId, toStatus } from "./presence-messages.ts";
import { createUserStore } from "./user.ts";

/** Sessions in one call, spec 30 §4. */
const registerMax = 500;
const heartbeatMax = 5000;
const cleanupMax = 1000;

type Result = MessageInitShape<typeof SetUsersOnlineResultSchema>;

export interface OnlineStatusStores {
  readonly presence: PresenceStore;
  readonly sessions: Pick<SessionStore, "findRevoked">;
  readonly users: Pick<UserStore, "findNotNormal">;
}

/** gochat.repo.v1.OnlineStatusService. Who may be online is read from the database, who is from presence. Errors:
 *  INVALID_PARAMETER; SERVICE_UNAVAILABLE where an answer needs the cache, or the registry, and it is away. */
export function onlineStatusService(
  context: RepoContext,
  stores: OnlineStatusStores = {
    presence: context.presence,
    sessions: createSessions(context),
    users: createUserStore(context),
  },
): Partial<ServiceImpl<typeof OnlineStatusService>> {
  const { presence, sessions, users } = stores;
  const log = context.clog.namespace("online-status");

  /** What a call does without the cache. */
  async function withCache<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CacheUnavailableError)) throw error;
      log.warn(`${what}: the cache is away`, { err: error });
      return undefined;
    }
  }
  async function needCache<T>(what: string, work: () => Promise<T>): Promise<T> {
    const result = await withCache(what, async () => ({ value: await work() }));
    if (!result) throw new AppError("SERVICE_UNAVAILABLE");
    return result.value;
  }

  /** Who of these may not be online. */
  async function refusals(all: readonly { sid: string; userId: string }[]) {
    const [revoked, notNormal] = await Promise.all([
      sessions.findRevoked([...new Set(all.map((one) => one.sid))].filter(isUuid)),
      users.findNotNormal([...new Set(all.map((one) => one.userId))].map(BigInt)),
    ]);
    return ({ sid, userId }: { sid: string; userId: string }): ErrorName | undefined => {
      if (notNormal.has(BigInt(userId))) return "USER_DISABLED";
      return !isUuid(sid) || revoked.has(sid) ? "INVALID_TOKEN" : undefined;
    };
  }

  async function setOnline(items: readonly SetUserOnlineRequest[]): Promise<Result[]> {
    if (items.length > registerMax) throw invalid("items");
    const arrivals = items.map(arrivalOf);
    const refusal = await refusals(items);
    const codes = items.map(refusal);
    const admitted = arrivals.filter((_, at) => codes[at] === undefined);
    const answers = await withCache("register sessions", () => presence.arrive(admitted));
    let next = 0;
    return codes.map((errorCode): Result => {
      if (errorCode !== undefined) return { success: false, errorCode };
      const at = next++;
      const answer = answers?.[at];
      // It connected now all the same, and says so when it registers.
      const connectedAtMs = BigInt(answer?.connectedAtMs ?? admitted[at]?.connectedAtMs ?? context.clock());
      if (!answer) return { success: false, errorCode: "SERVICE_UNAVAILABLE", connectedAtMs };
      const { first, replaced, evicted } = answer;
      return { success: !replaced, firstSession: first, evicted: [...evicted], replaced, connectedAtMs };
    });
  }

  async function setOffline(items: readonly SetUserOfflineRequest[]) {
    if (items.length > registerMax) throw invalid("items");
    const departures = items.map(departureOf);
    const answers = await withCache("take sessions out", () => presence.depart(departures));
    return items.map((_, at) => {
      const answer = answers?.[at];
      return {
        success: answer !== undefined,
        lastSession: answer?.last ?? false,
        lastSeen: BigInt(answer?.lastSeen ?? 0),
      };
    });
  }

  async function statuses(userIds: readonly string[]): Promise<OnlineStatus[]> {
    if (userIds.length > IDS_MAX) throw invalid("user_ids");
    const ids = userIds.map((id) => idOf(id, "user_ids"));
    return (await needCache("read presence", () => presence.get(ids))).map(toStatus);
  }

  return {
    async setUserOnline(request) {
      const [result] = await setOnline([request]);
      const code = result?.errorCode;
      if (code === "INVALID_TOKEN" || code === "USER_DISABLED" || code === "SERVICE_UNAVAILABLE")
        throw new AppError(code);
      const [status] = await statuses([request.userId]);
      return {
        success: result?.success ?? false,
        firstSession: result?.firstSession ?? false,
        evicted: result?.evicted ?? [],
        replaced: result?.replaced ?? false,
        connectedAtMs: result?.connectedAtMs ?? 0n,
        ...(status ? { status } : {}),
      };
    },

    setUsersOnline: async ({ items }) => ({ results: await setOnline(items) }),

    async setUserOffline(request) {
      const [result] = await setOffline([request]);
      return result ?? {};
    },

    setUsersOffline: async ({ items }) => ({ results: await setOffline(items) }),

    async getUserOnlineStatus({ userId }) {
      const [status] = await statuses([userId]);
      return status ? { status } : {};
    },

    getUsersOnlineStatus: async ({ userIds }) => ({ statuses: await statuses(userIds) }),

    async updateHeartbeat({ userId, gatewayId }) {
      const id = idOf(userId, "user_id");
      const [user] = await needCache("read presence", () => presence.get([id]));
      const own = user?.sessions.filter((session) => session.gatewayId === gatewayId) ?? [];
      for (const { incarnation, sessionId } of own) {
        await needCache("heartbeat", () => presence.heartbeat({ gatewayId, incarnation }, [{ userId: id, sessionId }]));
      }
      return { success: own.length > 0, lastSeen: BigInt(user?.lastSeen ?? 0) };
    },

    async updateHeartbeats({ gatewayId, incarnation, sessions: reported }) {
      if (reported.length > heartbeatMax) throw invalid("sessions");
      const gateway = { gatewayId: shortId(gatewayId, "gateway_id"), incarnation: shortId(incarnation, "incarnation") };
      const known = reported.map(({ userId, sessionId }) => ({
        userId: idOf(userId, "user_id"),
        sessionId: shortId(sessionId, "session_id"),
      }));
      const [refusal, answer] = await Promise.all([
        refusals(reported),
        withCache("heartbeat", () => presence.heartbeat(gateway, known)),
      ]);
      const codes = new Map(reported.map((session) => [session.sessionId, refusal(session)]));
      const refused = (code: ErrorName): string[] => [...codes].flatMap(([id, its]) => (its === code ? [id] : []));
      return {
        revokedSessionIds: refused("INVALID_TOKEN"),
        disabledSessionIds: refused("USER_DISABLED"),
        unknownSessionIds: (answer?.unknown ?? []).filter((id) => codes.get(id) === undefined),
        replaced: answer?.replaced ?? false,
      };
    },

    listGateways: gatewayLister(context.gateways, log),

    async cleanupExpiredStatus({ expiredBefore, batchSize, liveGatewaysKnown, liveGateways }) {
      const limit = batchSize < 1 ? cleanupMax : Math.min(batchSize, cleanupMax);
      const live = liveGatewaysKnown ? liveGateways : undefined;
      const { offline, lookedAt } = await needCache("clean up", () =>
        presence.cleanup(Number(expiredBefore), limit, live),
      );
      const users = offline.map((one) => ({ ...one, userId: String(one.userId), lastSeen: BigInt(one.lastSeen) }));
      return {
        cleanedCount: users.length,
        offlineUserIds: users.map(({ userId }) => userId),
        offline: users,
        lookedAt,
      };
    },
  };
}
