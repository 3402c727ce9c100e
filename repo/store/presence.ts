import type { Cache, ScriptResult } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import { type PresencePlace, parsePresence, presenceKey } from "./presence-format.ts";
import { formatRow, onlineKey, type PresenceRow, parseRow } from "./presence-row.ts";
import type { Eviction } from "./presence-rules.ts";
import { goOffline, goOnline, holdGateway, stayOnline } from "./presence-scripts.ts";
import { placeOf, sweepSessions } from "./presence-sweep.ts";

/** A socket session as a gateway registers it. */
export interface Arrival extends Omit<PresenceRow, "connectedAtMs" | "lastSeen"> {
  readonly userId: bigint;
  /** socket session, UUID v7 */
  readonly sessionId: string;
  readonly eviction: Eviction;
  /** 0 = any number */
  readonly sessionsMax: number;
  /** Of one that registers again: what its first registration was given. */
  readonly connectedAtMs?: number | undefined;
}
export interface Arrived {
  /** It is the user's only session. */
  readonly first: boolean;
  readonly evicted: readonly Evicted[];
  /** A later connection has its place: it was not registered. */
  readonly replaced: boolean;
  readonly connectedAtMs: number;
}
export interface Evicted {
  readonly sessionId: string;
  readonly gatewayId: string;
  readonly incarnation: string;
}
export interface Departure extends Evicted {
  readonly userId: bigint;
}
export interface UserPresence {
  readonly userId: bigint;
  /** the most recent first; empty = offline */
  readonly sessions: readonly (PresenceRow & { readonly sessionId: string })[];
  /** Unix s; 0 = not known */
  readonly lastSeen: number;
}

/** Who is online where. It may vanish at any time: gateways' heartbeats bring it back. Sessions that report nothing for
 *  `ttlMs` are gone. Lies in the cache, or where that is this process's memory in a form of its own (presence-local.ts).
 *  Every call rejects with CacheUnavailableError while the cache is away. */
export interface PresenceStore {
  /** Registers sessions, each in one atomic step, in order. Repeating is harmless. */
  arrive(arrivals: readonly Arrival[]): Promise<Arrived[]>;
  /** Takes sessions out, in order; true when the user has none left. Repeating gives the same answer. */
  depart(departures: readonly Departure[]): Promise<{ last: boolean; lastSeen: number }[]>;
  /** Marks sessions of one gateway as seen. Answers those that presence does not know, and whether a later incarnation
   *  holds the gateway id. */
  heartbeat(
    gateway: { gatewayId: string; incarnation: string },
    sessions: readonly { userId: bigint; sessionId: string }[],
  ): Promise<{ unknown: string[]; replaced: boolean }>;
  /** In the order of `userIds`. */
  get(userIds: readonly bigint[]): Promise<UserPresence[]>;
  /** Those of the users who are online, with their gateways. Another `runId` than before: sessions may have been forgotten
   *  in between. */
  places(userIds: readonly bigint[]): Promise<{ places: Map<bigint, PresencePlace[]>; runId: string }>;
  /** Looks at no more than `limit` users who reported last before `before` (Unix s), drops what has ended and, where the
   *  `live` gateways are known, what belongs to others; answers who is offline now. Users who left are not among them. */
  cleanup(
    before: number,
    limit: number,
    live?: readonly GatewayLife[],
  ): Promise<{ lookedAt: number; offline: SweptUser[] }>;
}

export interface GatewayLife {
  readonly gatewayId: string;
  readonly incarnation: string;
}
export interface SweptUser {
  readonly userId: bigint;
  /** Unix s */
  readonly lastSeen: number;
  /** Empty when not known. */
  readonly gatewayId: string;
}

/** How long a session counts without a heartbeat (`presence.ttl`). */
export const presenceTtlMs = 300_000;
const lastOnlineTtlMs = 24 * 3_600_000;
/** Keys of one MGET. */
const keysPerRead = 5000;
/** Users by their last report: the index of `cleanup`. */
const reportsKey = "presence:reports";

const lastOnlineKey = (userId: bigint): string => `last_online:${userId}`;
const gatewayKey = (gatewayId: string): string => `gateway:incarnation:${gatewayId}`;

export function createPresenceStore(
  deps: { cache: Cache; clog: Logger; clock: () => number },
  ttlMs: number = presenceTtlMs,
): PresenceStore {
  const { cache } = deps;
  const log = deps.clog.namespace("presence");
  const seconds = (): number => Math.floor(deps.clock() / 1000);

  function keysOf(userId: bigint): string[] {
    return [onlineKey(userId), presenceKey(userId)];
  }
  /** now, oldest report that counts, time to live: the first arguments of every script */
  function commonArgs(now: number): number[] {
    return [now, now - Math.floor(ttlMs / 1000), ttlMs];
  }

  async function arriveOne(arrival: Arrival, now: number): Promise<Arrived> {
    const { userId, sessionId, eviction, sessionsMax, connectedAtMs, ...row } = arrival;
    const time = connectedAtMs ?? deps.clock();
    const text = formatRow({ ...row, connectedAtMs: time, lastSeen: now });
    const args = [...commonArgs(now), sessionId, text, eviction, sessionsMax, connectedAtMs === undefined ? 1 : 0];
    const [first, replaced, given, ...flat] = strings(await cache.eval(goOnline, keysOf(userId), args));
    const evicted: Evicted[] = [];
    for (let at = 0; at + 2 < flat.length; at += 3) {
      const [id = "", gatewayId = "", incarnation = ""] = flat.slice(at, at + 3);
      evicted.push({ sessionId: id, gatewayId, incarnation });
    }
    return { first: first === "1", evicted, replaced: replaced === "1", connectedAtMs: Number(given) };
  }

  /** Undefined while the user has a session. `score`: the last report. */
  async function sweepOne(
    userId: bigint,
    at: { now: number; before: number; score: number; alive: ReadonlySet<string> | undefined },
  ): Promise<SweptUser | undefined> {
    const { now, before, score, alive } = at;
    const rows = Object.values(await cache.hgetall(onlineKey(userId))).flatMap((text) => parseRow(text) ?? []);
    const gone = alive === undefined ? [] : rows.map(placeOf).filter((place) => !alive.has(place));
    const args = [...commonArgs(now), before, ...new Set(gone)];
    const [left, seen, gatewayId = ""] = strings(await cache.eval(sweepSessions, keysOf(userId), args));
    if (left !== "0") return undefined;
    // The row may be gone with its time to live; then the index knows roughly.
    const latest = rows.reduce((most, row) => Math.max(most, row.lastSeen), 0);
    return { userId, lastSeen: Number(seen) || latest || score, gatewayId };
  }

  async function report(userIds: Iterable<bigint>, now: number): Promise<void> {
    const entries = [...new Set(userIds)].map((userId) => ({ member: userId.toString(), score: now }));
    if (entries.length > 0) await cache.zadd(reportsKey, entries, { ttlMs: 2 * ttlMs });
  }

  return {
    async arrive(arrivals) {
      const now = seconds();
      // The verbs of one turn leave together and in order, so two sessions of one user meet in the order they came.
      const [results] = await Promise.all([
        Promise.all(arrivals.map((arrival) => arriveOne(arrival, now))),
        report(
          arrivals.map((arrival) => arrival.userId),
          now,
        ),
      ]);
      return results;
    },

    async depart(departures) {
      const now = seconds();
      const work = departures.map(async ({ userId, sessionId, gatewayId, incarnation }) => {
        const args = [...commonArgs(now), sessionId, gatewayId, incarnation];
        const [left] = await Promise.all([
          cache.eval(goOffline, keysOf(userId), args),
          cache.set(lastOnlineKey(userId), String(now), { ttlMs: lastOnlineTtlMs }),
        ]);
        // Who comes back at this very moment is in the index again with the next heartbeat.
        if (left === 1) await cache.zrem(reportsKey, [userId.toString()]);
        return { last: left === 1, lastSeen: now };
      });
      return Promise.all(work);
    },

    async heartbeat({ gatewayId, incarnation }, sessions) {
      const now = seconds();
      const byUser = new Map<bigint, string[]>();
      for (const { userId, sessionId } of sessions) {
        const own = byUser.get(userId);
        if (own) own.push(sessionId);
        else byUser.set(userId, [sessionId]);
      }
      const held = await cache.eval(holdGateway, [gatewayKey(gatewayId)], [incarnation, ttlMs]);
      if (held === 0) return { unknown: [], replaced: true };
      const answers = await Promise.all(
        [...byUser].map(([userId, ids]) =>
          cache.eval(stayOnline, keysOf(userId), [...commonArgs(now), gatewayId, incarnation, ...ids]),
        ),
      );
      await report(byUser.keys(), now);
      return { unknown: answers.flatMap(strings), replaced: false };
    },

    async get(userIds) {
      const oldest = seconds() - Math.floor(ttlMs / 1000);
      const [hashes, last] = await Promise.all([
        Promise.all(userIds.map((userId) => cache.hgetall(onlineKey(userId)))),
        cache.mget(userIds.map(lastOnlineKey)),
      ]);
      return userIds.map((userId, at) => {
        const sessions = Object.entries(hashes[at] ?? {})
          .flatMap(([sessionId, text]) => {
            const row = parseRow(text);
            return row && row.lastSeen >= oldest ? [{ ...row, sessionId }] : [];
          })
          .sort((a, b) => b.connectedAtMs - a.connectedAtMs || (a.sessionId < b.sessionId ? 1 : -1));
        const lastSeen = Math.max(Number(last[at] ?? 0), ...sessions.map((session) => session.lastSeen));
        return { userId, sessions, lastSeen };
      });
    },

    async places(userIds) {
      const places = new Map<bigint, PresencePlace[]>();
      let runId = "";
      for (let from = 0; from < userIds.length || from === 0; from += keysPerRead) {
        const part = userIds.slice(from, from + keysPerRead);
        const answer = await cache.mgetPrimary(part.map(presenceKey));
        for (const [at, value] of answer.values.entries()) {
          if (value !== undefined) places.set(part[at] as bigint, parsePresence(value));
        }
        runId = answer.runId;
      }
      return { places, runId };
    },

    async cleanup(before, limit, live) {
      const now = seconds();
      const old = await cache.zrangeByScore(reportsKey, 0, before - 1, { limit });
      const alive = live && new Set(live.map(placeOf));
      const looks = old.map(({ member, score }) => sweepOne(BigInt(member), { now, before, score, alive }));
      const offline = (await Promise.all(looks)).filter((one) => one !== undefined);
      const gone = new Set(offline.map(({ userId }) => userId.toString()));
      const rest = old.filter(({ member }) => !gone.has(member));
      // The others are looked at again when they have not reported for as long once more.
      await Promise.all([
        gone.size > 0 && cache.zrem(reportsKey, [...gone]),
        report(
          rest.map(({ member }) => BigInt(member)),
          now,
        ),
        ...offline.map(({ userId, lastSeen }) =>
          cache.set(lastOnlineKey(userId), String(lastSeen), { ttlMs: lastOnlineTtlMs }),
        ),
      ]);
      if (old.length > 0) log.debug("presence cleaned up", { looked_at: old.length, offline: offline.length });
      return { lookedAt: old.length, offline };
    },
  };
}

function strings(result: ScriptResult): string[] {
  return Array.isArray(result) ? result.map(String) : [];
}
