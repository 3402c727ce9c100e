import type { Client } from "@connectrpc/connect";
import type { Logger } from "#infra/clog/clog.ts";
import {
  MultiDevice,
  type OnlineStatusService,
  type SetUsersOnlineResult,
} from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { type Batcher, createBatcher } from "./batcher.ts";
import type { DevicePolicy } from "./config.ts";
import type { EvictedElsewhere } from "./evictions.ts";
import type { UserEvents } from "./user-events.ts";
import { type Close, closes } from "./ws/close-codes.ts";
import type { Hub } from "./ws/hub.ts";
import type { Session } from "./ws/session.ts";

export type OnlineStatusClient = Pick<
  Client<typeof OnlineStatusService>,
  "setUsersOnline" | "setUsersOffline" | "updateHeartbeats"
>;

/** Sessions per call of each kind, spec 20 §1 and 30 §4. */
export const registerMax = 500;
const offlineMax = 500;
/** Far below what a call takes: repo in the same process needs some 30 µs a session and gives no turn to the sockets. */
const heartbeatMax = 250;
/** Reports that wait; beyond it a session is reported a minute later, and presence keeps it for five. */
const heartbeatWaitingMax = 500_000;
/** Sessions whose end waits to be told; beyond it presence forgets them by its TTL. */
const offlineWaitingMax = 50_000;
const offlineAttempts = 3;

/** What presence knows of this gateway's sessions. Calls are batched, one of each kind in flight. */
export interface Presence {
  /** Registers ≤ `registerMax` sessions, closes those it refuses and those they replace, and tells who came online. A
   *  session that registers again where a later connection has its place is closed itself.
   *  A session that ended meanwhile is taken back. While the cache is away a session stays unregistered, until a
   *  heartbeat finds it unknown. Rejects when repo is away; whether it took the sessions is open then. */
  register(sessions: readonly Session[]): Promise<void>;
  /** Tells that a registered session ended. */
  left(session: Session): void;
  /** Reports the session as alive. */
  alive(session: Session): void;
  /** Resolves when every end was told. */
  idle(): Promise<void>;
}

export interface PresenceOptions {
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly policy: DevicePolicy;
  readonly sessionsPerUserMax: number;
}

export interface PresenceDeps {
  readonly onlineStatus: OnlineStatusClient;
  readonly hub: Hub;
  readonly events: UserEvents;
  readonly clog: Logger;
  /** Sends `resync` to a session whose pushes may have been missing. */
  readonly resync: (session: Session) => void;
  /** Tells the gateway that has the socket. */
  readonly kick: (evicted: EvictedElsewhere) => void;
  /** Another incarnation holds the gateway id. */
  readonly replaced: () => void;
}

const policies: Record<DevicePolicy, MultiDevice> = {
  multi: MultiDevice.MULTI,
  "per-platform": MultiDevice.PER_PLATFORM,
  single: MultiDevice.SINGLE,
};

export function createPresence(options: PresenceOptions, deps: PresenceDeps): Presence {
  const { gatewayId, incarnation } = options;
  const { onlineStatus, hub, events, clog } = deps;

  async function register(sessions: readonly Session[]): Promise<void> {
    const policy = { multiDevice: policies[options.policy], maxSessions: options.sessionsPerUserMax };
    const guestPolicy = { ...policy, maxSessions: 1 };
    const { results } = await onlineStatus.setUsersOnline({
      items: sessions.map((session) => ({
        userId: session.userId,
        gatewayId,
        incarnation,
        clientInfo: session.device.userAgent,
        sessionId: session.id,
        sid: session.sid,
        deviceId: session.device.deviceId,
        platform: session.device.platform,
        policy: session.isGuest ? guestPolicy : policy,
        connectedAtMs: BigInt(session.placedAtMs),
      })),
    });
    for (const [index, session] of sessions.entries()) {
      const result = results[index];
      if (result !== undefined) settle(session, result);
    }
  }

  function settle(session: Session, result: SetUsersOnlineResult): void {
    const refusal = refusals[result.errorCode];
    if (refusal !== undefined) {
      session.close(refusal.code, refusal.reason);
      return;
    }
    if (session.placedAtMs === 0) session.placedAtMs = Number(result.connectedAtMs);
    if (result.replaced) {
      // The kick of the later connection's gateway was lost. Presence has no row of this one that could be taken back.
      session.registered = false;
      session.close(closes.replaced.code, closes.replaced.reason);
      return;
    }
    if (!result.success) return;
    session.registered = true;
    if (session.state === "closed") {
      left(session);
      return;
    }
    for (const evicted of result.evicted) {
      if (evicted.gatewayId === gatewayId) closeAll([evicted.sessionId], closes.replaced);
      else deps.kick(evicted);
    }
    if (result.firstSession) events.online(session);
  }

  async function tellOffline(sessions: readonly Session[]): Promise<void> {
    const items = sessions.map((session) => ({
      userId: session.userId,
      gatewayId,
      incarnation,
      sessionId: session.id,
      reason: reasonOf(session.closeCode),
    }));
    const { results } = await attempted(() => onlineStatus.setUsersOffline({ items }));
    for (const [index, session] of sessions.entries()) {
      const result = results[index];
      if (result?.lastSession === true) events.offline(session, result.lastSeen, reasonOf(session.closeCode));
    }
  }

  async function report(sessions: readonly Session[]): Promise<void> {
    const open = sessions.filter((session) => session.state === "open");
    if (open.length === 0) return;
    const answer = await onlineStatus.updateHeartbeats({
      gatewayId,
      incarnation,
      sessions: open.map(({ id, userId, sid }) => ({ sessionId: id, userId, sid })),
    });
    if (answer.replaced) {
      deps.replaced();
      return;
    }
    closeAll(answer.revokedSessionIds, closes.signedOut);
    closeAll(answer.disabledSessionIds, closes.disabled);
    await registerAgain(answer.unknownSessionIds);
    // Sockets get their turn between two batches: a call in one process comes back without one.
    await new Promise((resolve) => setImmediate(resolve));
  }

  function closeAll(sessionIds: readonly string[], { code, reason }: Close): void {
    for (const sessionId of sessionIds) hub.find(sessionId)?.close(code, reason);
  }

  async function registerAgain(sessionIds: readonly string[]): Promise<void> {
    const unknown = sessionIds.flatMap((sessionId) => hub.find(sessionId) ?? []);
    for (let from = 0; from < unknown.length; from += registerMax) {
      const part = unknown.slice(from, from + registerMax);
      await register(part);
      for (const session of part) if (session.registered) deps.resync(session);
    }
  }

  const offline: Batcher<Session> = createBatcher({
    batchMax: offlineMax,
    waitingMax: offlineWaitingMax,
    flush: tellOffline,
    failed: (error, sessions) => clog.warn("ends of sessions were not told", { count: sessions.length, err: error }),
  });
  const heartbeats: Batcher<Session> = createBatcher({
    batchMax: heartbeatMax,
    waitingMax: heartbeatWaitingMax,
    flush: report,
    failed: (error, sessions) => clog.warn("heartbeat failed", { count: sessions.length, err: error }),
  });

  function left(session: Session): void {
    if (!session.registered) return;
    session.registered = false;
    offline.push(session);
  }

  return {
    register,
    left,
    alive: (session) => {
      heartbeats.push(session);
    },
    idle: () => offline.idle(),
  };
}

const refusals: Readonly<Record<string, Close>> = {
  INVALID_TOKEN: closes.signedOut,
  USER_DISABLED: closes.disabled,
};

function reasonOf(closeCode: number): "disconnect" | "timeout" | "logout" | "kicked" {
  switch (closeCode) {
    case closes.silent.code:
      return "timeout";
    case closes.signedOut.code:
      return "logout";
    case closes.replaced.code:
    case closes.disabled.code:
    case closes.abuse.code:
      return "kicked";
    default:
      return "disconnect";
  }
}

async function attempted<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (attempt >= offlineAttempts) throw error;
      await Bun.sleep(100 * 2 ** attempt);
    }
  }
}
