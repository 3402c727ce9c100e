import type { Logger } from "#infra/clog/clog.ts";
import {
  type Arrival,
  type Arrived,
  type Departure,
  type PresenceStore,
  presenceTtlMs,
  type SweptUser,
  type UserPresence,
} from "./presence.ts";
import type { PresencePlace } from "./presence-format.ts";
import type { PresenceRow } from "./presence-row.ts";
import { byConnection, decideArrival } from "./presence-rules.ts";
import { placeOf } from "./presence-sweep.ts";

interface Gateway {
  readonly gatewayId: string;
  readonly incarnation: string;
}

/** Where sessions come from; those of one gateway and one kind of device share the object. */
interface Origin extends Gateway {
  readonly platform: string;
  readonly clientInfo: string;
}

/** One session: 80 B, and its texts are those of the caller. */
class LocalRow implements PresenceRow {
  readonly id: string;
  readonly origin: Origin;
  readonly sid: string;
  readonly deviceId: string;
  readonly connectedAtMs: number;
  lastSeen: number;
  /** When `cleanup` looked at it last, Unix s. */
  lookedAt: number;

  constructor(arrival: Arrival, origin: Origin, connectedAtMs: number, now: number) {
    this.id = arrival.sessionId;
    this.origin = origin;
    this.sid = arrival.sid;
    this.deviceId = arrival.deviceId;
    this.connectedAtMs = connectedAtMs;
    this.lastSeen = now;
    this.lookedAt = 0;
  }

  get gatewayId(): string {
    return this.origin.gatewayId;
  }

  get incarnation(): string {
    return this.origin.incarnation;
  }

  get platform(): string {
    return this.origin.platform;
  }

  get clientInfo(): string {
    return this.origin.clientInfo;
  }

  isOf({ gatewayId, incarnation }: Gateway): boolean {
    return this.gatewayId === gatewayId && this.incarnation === incarnation;
  }
}

/** Sessions of one user, the earliest connection first; most users have one, and that needs no list. */
type Rows = LocalRow | readonly LocalRow[];

export interface LocalPresenceOptions {
  readonly ttlMs?: number;
  /** Users with sessions. Beyond it the one who came first is forgotten, until a heartbeat finds his sessions unknown. */
  readonly usersMax?: number;
}

const usersMaxDefault = 1_000_000;
/** Users of whom it is known when they were last online, and for how long. */
const lastOnlineMax = 200_000;
const lastOnlineSeconds = 24 * 3600;
const gatewaysMax = 1000;
const originsMax = 1000;

/** Presence of the only repo of an installation, in its memory: a row costs a quarter of what the keys of a cache cost, and
 *  a call a tenth. With the process everything that it knew ends, so its `runId` never changes. */
export function createLocalPresence(
  deps: { readonly clog: Logger; readonly clock: () => number },
  { ttlMs = presenceTtlMs, usersMax = usersMaxDefault }: LocalPresenceOptions = {},
): PresenceStore {
  const log = deps.clog.namespace("presence");
  const runId = crypto.randomUUID();
  const ttl = Math.floor(ttlMs / 1000);
  const users = new Map<bigint, Rows>();
  /** Unix s, in the order they left. */
  const lastOnline = new Map<bigint, number>();
  const origins = new Map<string, Origin>();
  /** Which life holds a gateway id, and until when, ms. */
  const holders = new Map<string, { incarnation: string; untilMs: number }>();
  const seconds = (): number => Math.floor(deps.clock() / 1000);
  /** Where `cleanup` goes on: from the start each time, many calls over many users would be a square. */
  let cursor = users.entries();

  /** Forgotten ones are only shared no more. */
  function originOf({ gatewayId, incarnation, platform, clientInfo }: Origin): Origin {
    // Ids hold no tab; what follows is told apart by the length.
    const name = `${gatewayId}\t${incarnation}\t${platform.length}\t${platform}${clientInfo}`;
    const known = origins.get(name);
    if (known !== undefined) return known;
    if (origins.size >= originsMax) origins.clear();
    const origin = { gatewayId, incarnation, platform, clientInfo };
    origins.set(name, origin);
    return origin;
  }

  /** Those that count. */
  function liveOf(userId: bigint, now: number): readonly LocalRow[] {
    return listOf(users.get(userId)).filter((row) => row.lastSeen >= now - ttl);
  }

  function put(userId: bigint, rows: readonly LocalRow[]): void {
    const [only] = rows;
    if (only === undefined) users.delete(userId);
    else users.set(userId, rows.length === 1 ? only : rows);
    if (users.size <= usersMax) return;
    for (const oldest of users.keys()) {
      users.delete(oldest);
      return;
    }
  }

  function leave(userId: bigint, lastSeen: number): void {
    lastOnline.delete(userId);
    lastOnline.set(userId, lastSeen);
    for (const [oldest, seen] of lastOnline) {
      if (lastOnline.size <= lastOnlineMax && seen >= seconds() - lastOnlineSeconds) return;
      lastOnline.delete(oldest);
    }
  }

  function arriveOne(arrival: Arrival, now: number): Arrived {
    const { userId, eviction, sessionsMax, sessionId, platform, deviceId } = arrival;
    const rows = liveOf(userId, now);
    const own = { id: sessionId, platform, deviceId, connectedAtMs: arrival.connectedAtMs ?? deps.clock() };
    const scene = { rows, eviction, most: sessionsMax, isNew: arrival.connectedAtMs === undefined };
    const { connectedAtMs, refused, others, gone, kept } = decideArrival(own, scene);
    const first = rows.length === 0;
    if (refused) {
      put(userId, others);
      return { first, evicted: [], replaced: true, connectedAtMs };
    }
    const row = new LocalRow(arrival, originOf(arrival), connectedAtMs, now);
    put(userId, kept.length === 0 ? [row] : [...kept, row].sort(byConnection));
    const evicted = gone.map(({ id, gatewayId, incarnation }) => ({ sessionId: id, gatewayId, incarnation }));
    return { first, evicted, replaced: false, connectedAtMs };
  }

  function departOne({ userId, sessionId, ...gateway }: Departure, now: number): { last: boolean; lastSeen: number } {
    const kept = liveOf(userId, now).filter((row) => row.id !== sessionId || !row.isOf(gateway));
    put(userId, kept);
    leave(userId, now);
    return { last: kept.length === 0, lastSeen: now };
  }

  /** False: a later life holds the gateway id. */
  function holds({ gatewayId, incarnation }: Gateway): boolean {
    const nowMs = deps.clock();
    const holder = holders.get(gatewayId);
    if (holder !== undefined && holder.untilMs > nowMs && holder.incarnation > incarnation) return false;
    if (holder === undefined && holders.size >= gatewaysMax) holders.clear();
    holders.set(gatewayId, { incarnation, untilMs: nowMs + ttlMs });
    return true;
  }

  /** Round and round. */
  function nextUser(): [bigint, Rows] | undefined {
    const next = cursor.next();
    if (next.done !== true) return next.value;
    cursor = users.entries();
    return cursor.next().value;
  }

  /** Undefined while the user has a session. */
  function sweepOne(
    userId: bigint,
    rows: readonly LocalRow[],
    at: { now: number; before: number; alive: ReadonlySet<string> | undefined },
  ): SweptUser | undefined {
    const counts = rows.filter((row) => row.lastSeen >= at.now - ttl);
    const swept = counts.filter((row) => row.lastSeen < at.before && at.alive?.has(placeOf(row)) === false);
    const kept = counts.filter((row) => !swept.includes(row));
    for (const row of kept) row.lookedAt = at.now;
    put(userId, kept);
    if (kept.length > 0) return undefined;
    const latest = swept.toSorted((a, b) => a.lastSeen - b.lastSeen).at(-1);
    const lastSeen = latest?.lastSeen ?? Math.max(0, ...rows.map((row) => row.lastSeen));
    leave(userId, lastSeen);
    return { userId, lastSeen, gatewayId: latest?.gatewayId ?? "" };
  }

  return {
    async arrive(arrivals) {
      const now = seconds();
      return arrivals.map((arrival) => arriveOne(arrival, now));
    },

    async depart(departures) {
      const now = seconds();
      return departures.map((departure) => departOne(departure, now));
    },

    async heartbeat(gateway, sessions) {
      if (!holds(gateway)) return { unknown: [], replaced: true };
      const now = seconds();
      const unknown: string[] = [];
      for (const { userId, sessionId } of sessions) {
        const row = liveOf(userId, now).find((one) => one.id === sessionId && one.isOf(gateway));
        if (row === undefined) unknown.push(sessionId);
        else row.lastSeen = now;
      }
      return { unknown, replaced: false };
    },

    async get(userIds) {
      const now = seconds();
      return userIds.map((userId): UserPresence => {
        const rows = liveOf(userId, now).toReversed();
        const left = lastOnline.get(userId) ?? 0;
        const known = left >= now - lastOnlineSeconds ? left : 0;
        const sessions = rows.map(shown);
        return { userId, sessions, lastSeen: Math.max(known, ...rows.map((row) => row.lastSeen)) };
      });
    },

    async places(userIds) {
      const now = seconds();
      const places = new Map<bigint, PresencePlace[]>();
      for (const userId of userIds) {
        const rows = liveOf(userId, now);
        if (rows.length > 0) places.set(userId, placesOf(rows));
      }
      return { places, runId };
    },

    async cleanup(before, limit, live) {
      const now = seconds();
      const alive = live && new Set(live.map(placeOf));
      const old: [bigint, readonly LocalRow[]][] = [];
      for (let left = users.size; left > 0 && old.length < limit; left -= 1) {
        const next = nextUser();
        if (next === undefined) break;
        const [userId, held] = next;
        const rows = listOf(held);
        if (rows.every((row) => Math.max(row.lastSeen, row.lookedAt) < before)) old.push([userId, rows]);
      }
      const offline = old.flatMap(([userId, rows]) => sweepOne(userId, rows, { now, before, alive }) ?? []);
      if (old.length > 0) log.debug("presence cleaned up", { looked_at: old.length, offline: offline.length });
      return { lookedAt: old.length, offline };
    },
  };
}

function listOf(rows: Rows | undefined): readonly LocalRow[] {
  if (rows === undefined) return [];
  return rows instanceof LocalRow ? [rows] : rows;
}

function shown({ id, origin, lookedAt: _, ...row }: LocalRow): UserPresence["sessions"][number] {
  return { ...row, ...origin, sessionId: id };
}

/** By name, as `formatPresence` has them. */
function placesOf(rows: readonly LocalRow[]): PresencePlace[] {
  const places = new Map<string, PresencePlace>();
  for (const { origin } of rows) {
    const { gatewayId, incarnation } = origin;
    const known = places.get(placeOf(origin));
    if (known === undefined) places.set(placeOf(origin), { gatewayId, incarnation, sessions: 1 });
    else known.sessions += 1;
  }
  return [...places.values()].sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
}
