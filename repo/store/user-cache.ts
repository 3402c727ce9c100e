import { type Cache, CacheUnavailableError, jitter } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import type { UserRow } from "./user.ts";

/** Profiles by id, read through the cache (spec 40 §5). Rights are never read from here. */
export interface UserCache {
  /** Unknown ids are left out. `fromCache`: all of them came from the cache. */
  get(ids: readonly bigint[]): Promise<{ users: UserRow[]; fromCache: boolean }>;
  /** To be called after the database was changed. */
  forget(id: bigint): Promise<void>;
}

const infoTtlMs = 24 * 3_600_000;

const infoKey = (id: bigint): string => `user:info:${id}`;

/** `load` reads from the database. */
export function createUserCache(deps: {
  cache: Cache;
  clog: Logger;
  load: (ids: readonly bigint[]) => Promise<UserRow[]>;
}): UserCache {
  const { cache, load } = deps;
  const log = deps.clog.namespace("users");

  /** Under fill leases, so that a profile read before a change is never stored after it. */
  async function readThrough(ids: readonly bigint[]): Promise<{ users: UserRow[]; fromCache: boolean }> {
    const fills = await Promise.all(ids.map((id) => cache.getOrLease(infoKey(id))));
    const users: UserRow[] = [];
    const leases = new Map<bigint, string | undefined>();
    for (const [at, id] of ids.entries()) {
      const fill = fills[at];
      const known = fill?.value === undefined ? undefined : parseUser(fill.value);
      if (known) users.push(known);
      else leases.set(id, fill?.lease);
    }
    const missing = leases.size > 0 ? await load([...leases.keys()]) : [];
    const stores = missing.flatMap((user) => {
      const lease = leases.get(user.id);
      if (lease === undefined) return [];
      return [cache.storeWithLease(infoKey(user.id), lease, formatUser(user), { ttlMs: jitter(infoTtlMs) })];
    });
    await Promise.all(stores);
    return { users: [...users, ...missing], fromCache: leases.size === 0 };
  }

  return {
    async get(ids) {
      const unique = [...new Set(ids)];
      try {
        return await readThrough(unique);
      } catch (error) {
        if (!(error instanceof CacheUnavailableError)) throw error;
        log.warn("profiles come from the database: the cache is away", { err: error });
        return { users: await load(unique), fromCache: false };
      }
    },

    async forget(id) {
      try {
        await cache.del([infoKey(id)]);
      } catch (error) {
        log.warn("cannot drop a cached profile", { err: error, user_id: id });
      }
    },
  };
}

function formatUser(user: UserRow): string {
  return JSON.stringify({ ...user, id: user.id.toString() });
}

/** What was written by another version is read anew. */
function parseUser(json: string): UserRow | undefined {
  const value: unknown = JSON.parse(json);
  if (typeof value !== "object" || value === null) return undefined;
  const { id, username, avatarUrl, isGuest, status, createdAt, updatedAt }: Partial<Record<keyof UserRow, unknown>> =
    value;
  if (typeof id !== "string" || typeof username !== "string" || typeof isGuest !== "boolean") return undefined;
  if (typeof status !== "number" || typeof createdAt !== "number" || typeof updatedAt !== "number") return undefined;
  const avatar = typeof avatarUrl === "string" ? avatarUrl : null;
  return { id: BigInt(id), username, avatarUrl: avatar, isGuest, status, createdAt, updatedAt };
}
