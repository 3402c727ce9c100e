import { and, eq, inArray, isNull, lt } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { type Cache, CacheUnavailableError } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import type { Db } from "#infra/db/db.ts";
import { changes, insertMany, now, run } from "#infra/db/steps.ts";
import { createRotation, type Rotation, type RotationResult } from "./session-rotation.ts";

export type SessionRow = Tables["userSessions"]["$inferSelect"];

export interface NewSession {
  /** `sid`, UUID v7 */
  readonly id: string;
  readonly userId: bigint;
  readonly deviceId: string;
  readonly platform: string;
  readonly clientInfo: string;
  readonly ip: string;
  /** SHA-256 hex of the refresh token */
  readonly refreshHash: string;
  /** JSON; opaque here */
  readonly refreshClaims: string;
  /** Unix ms */
  readonly expiresAtMs: number;
}

/** Login sessions: the rows are the truth, `revoked:sid:{sid}` is a copy that makes the common answer cheap. */
export interface SessionStore {
  /** Inserts the session and removes the user's expired ones. */
  create(session: NewSession): Promise<SessionRow>;
  /** Makes `newHash` the session's token when `oldHash` is. The token rotated away at most `graceMs` ago gets its successor
   *  from the same device (its answer was lost); any other use of it revokes the session. Atomic: of two at once, one
   *  rotates and the other repeats. */
  rotate(rotation: Rotation): Promise<RotationResult>;
  /** Revokes the sessions of the user; `ids` empty = all. Rows first, then the copies. Answers those that were alive. */
  revoke(userId: bigint, ids: readonly string[]): Promise<string[]>;
  /** Neither revoked nor expired, newest first, at most 100. */
  list(userId: bigint): Promise<SessionRow[]>;
  /** Until `expiresAtMs` the token is refused. Kept in the cache only: the session's row covers a sign-out. */
  blacklist(tokenHash: string, expiresAtMs: number): Promise<void>;
  /** True when token or session is refused; a session without a row is. The cache is asked first, then the rows. */
  isRevoked(tokenHash: string, sid: string): Promise<boolean>;
  /** Those of `ids` (at most 5000) that are revoked or unknown, from the rows. */
  findRevoked(ids: readonly string[]): Promise<Set<string>>;
}

export interface SessionOptions {
  /** how long the token before the present one still gets its successor */
  readonly graceMs: number;
  /** life of an access token: how long copies of a revocation must last */
  readonly accessTtlMs: number;
}
export const sessionDefaults: SessionOptions = { graceMs: 30_000, accessTtlMs: 86_400_000 };

/** ids in one IN list */
const idsPerQuery = 1000;
const listMax = 100;

export const revokedKey = (sid: string): string => `revoked:sid:${sid}`;
export const blacklistKey = (tokenHash: string): string => `token:blacklist:${tokenHash}`;

export function createSessions(
  deps: { db: Db; tables: Tables; cache: Cache; clog: Logger; clock: () => number },
  options: SessionOptions = sessionDefaults,
): SessionStore {
  const { db, cache } = deps;
  const table = deps.tables.userSessions;
  const log = deps.clog.namespace("sessions");
  const rotateSteps = createRotation(table, options.graceMs);

  /** The cache may be away: the rows stand, and whoever asks them gets the truth. */
  async function inCache<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CacheUnavailableError)) throw error;
      log.warn(`${what}: the cache is away`, { err: error });
      return undefined;
    }
  }

  async function copyRevocation(ids: readonly string[]): Promise<void> {
    await inCache("copy revocation", () =>
      Promise.all(ids.map((id) => cache.set(revokedKey(id), "1", { ttlMs: options.accessTtlMs }))),
    );
  }

  async function findRevoked(ids: readonly string[]): Promise<Set<string>> {
    const refused = new Set(ids);
    for (let from = 0; from < ids.length; from += idsPerQuery) {
      const some = ids.slice(from, from + idsPerQuery);
      const alive = await db.q
        .select({ id: table.id })
        .from(table)
        .where(and(inArray(table.id, some), isNull(table.revokedAt)));
      for (const { id } of alive) refused.delete(id);
    }
    return refused;
  }

  return {
    findRevoked,
    create: (session) =>
      db.transaction(function* ({ q }) {
        const at = yield* now();
        yield* run(q.delete(table).where(and(eq(table.userId, session.userId), lt(table.expiresAt, at))));
        const row: SessionRow = {
          id: session.id,
          userId: session.userId,
          deviceId: session.deviceId || null,
          platform: session.platform || null,
          clientInfo: session.clientInfo || null,
          ip: session.ip || null,
          refreshHash: session.refreshHash,
          refreshClaims: session.refreshClaims,
          prevRefreshHash: null,
          rotatedAt: null,
          refreshCount: 0,
          expiresAt: session.expiresAtMs,
          revokedAt: null,
          lastSeenAt: at,
          createdAt: at,
          updatedAt: at,
        };
        yield* insertMany(table, [row]);
        return row;
      }),

    async rotate(rotation) {
      const result = await db.transaction((tx) => rotateSteps(tx, rotation));
      if (result.is === "reused") await copyRevocation([result.session.id]);
      return result;
    },

    async revoke(userId, ids) {
      const wanted = and(
        eq(table.userId, userId),
        isNull(table.revokedAt),
        ids.length > 0 ? inArray(table.id, ids.slice(0, idsPerQuery)) : undefined,
      );
      const alive = await db.transaction(function* ({ q }) {
        const at = yield* now();
        const rows = yield* run(q.select({ id: table.id }).from(table).where(wanted));
        if (rows.length > 0) yield* changes(q.update(table).set({ revokedAt: at, updatedAt: at }).where(wanted));
        return rows.map((row) => row.id);
      });
      await copyRevocation(alive);
      return alive;
    },

    async list(userId) {
      const rows = await db.q
        .select()
        .from(table)
        .where(and(eq(table.userId, userId), isNull(table.revokedAt)))
        .limit(listMax * 2);
      const at = await db.now();
      const alive = rows.filter((row) => row.expiresAt > at);
      return alive.sort((a, b) => b.createdAt - a.createdAt).slice(0, listMax);
    },

    async blacklist(tokenHash, expiresAtMs) {
      const ttlMs = expiresAtMs - deps.clock();
      if (ttlMs <= 0) return;
      await inCache("blacklist token", () => cache.set(blacklistKey(tokenHash), "1", { ttlMs }));
    },

    async isRevoked(tokenHash, sid) {
      const known = await inCache("ask for a revocation", () => cache.mget([blacklistKey(tokenHash), revokedKey(sid)]));
      if (known?.some((value) => value !== undefined)) return true;
      return (await findRevoked([sid])).has(sid);
    },
  };
}
