import { randomBytes } from "node:crypto";
import { and, eq, getTableColumns, gt, inArray, lt, notExists, notInArray, type SQL } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import type { Cache } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import type { Db, Tx } from "#infra/db/db.ts";
import { likeText } from "#infra/db/dialect.ts";
import { DbError } from "#infra/db/errors.ts";
import { changes, insertMany, now, run, type Steps } from "#infra/db/steps.ts";
import type { Ids } from "#infra/uid/uid.ts";
import { AppError } from "#proto/errors.ts";
import { usernameKey } from "#proto/username.ts";
import { noPassword, type Passwords } from "./password.ts";
import { createUserCache } from "./user-cache.ts";

/** A user without the password hash, which never leaves this store. */
export type UserRow = Omit<Tables["users"]["$inferSelect"], "passwordHash" | "usernameKey">;
/** `users.status` */
export const userStatus = { normal: 0, disabled: 1, deleted: 2 } as const;

export interface UserChange {
  readonly avatarUrl?: string | null;
  readonly status?: number;
  readonly passwordHash?: string;
  readonly username?: string;
  readonly isGuest?: boolean;
}

export interface UserSearch {
  readonly limit: number;
  readonly excludeIds: readonly bigint[];
  /** Those who blocked this user are not found. */
  readonly searcher?: bigint | undefined;
}

export interface UserStore {
  /** A registered account, in the world from the first moment. Throws USER_ALREADY_EXISTS. */
  create(account: { username: string; passwordHash: string; avatarUrl: string }): Promise<UserRow>;
  /** An account `guest_<8 hex>` without a password. */
  createGuest(): Promise<UserRow>;
  /** From the cache or the database, at most 1000; unknown ids are left out. `fromCache`: all of them came from the cache. */
  getMany(ids: readonly bigint[]): Promise<{ users: UserRow[]; fromCache: boolean }>;
  /** From the database, without regard to case. */
  getByUsername(username: string): Promise<UserRow | undefined>;
  /** Costs the same for a wrong password, an unknown user and an account without a password. */
  verifyPassword(id: bigint | undefined, password: string): Promise<boolean>;
  /** Throws USER_NOT_FOUND, USER_ALREADY_EXISTS, and NOT_GUEST where `isGuest` false is set for an account that is none. */
  update(id: bigint, change: UserChange): Promise<UserRow>;
  /** Exact match first, then names that begin with `query`, then those that contain it. Registered and normal accounts only. */
  search(query: string, options: UserSearch): Promise<UserRow[]>;
  /** Those of `ids` (at most 5000) whose account is not normal or not there, from the database. */
  findNotNormal(ids: readonly bigint[]): Promise<Set<bigint>>;
}

export interface UserDeps {
  readonly db: Db;
  readonly tables: Tables;
  readonly cache: Cache;
  readonly ids: Ids;
  readonly clog: Logger;
  readonly passwords: Passwords;
  /** Makes the user's world membership and read pointer, in the caller's transaction. */
  readonly joinWorld: (tx: Tx, userId: bigint, atMs: number) => Steps<void>;
}

/** New names to try before a guest is refused: with 2^32 names even the second is rare. */
const guestNamesTried = 5;
const idsPerQuery = 1000;
/** `friendship_requests.status` */
const blocked = 3;

export function createUsers(deps: UserDeps): UserStore {
  const { db } = deps;
  const table = deps.tables.users;
  const { passwordHash: _hash, usernameKey: _key, ...columns } = getTableColumns(table);
  const byId = { table, columns, by: [table.id] };
  const profiles = createUserCache({ ...deps, load });

  async function insert(account: { username: string; passwordHash: string; avatarUrl: string; isGuest: boolean }) {
    const id = deps.ids.snowflake();
    const { username, passwordHash, isGuest } = account;
    return db.transaction(function* (tx) {
      const at = yield* now();
      const row: UserRow = {
        id,
        username,
        avatarUrl: account.avatarUrl || null,
        isGuest,
        status: userStatus.normal,
        createdAt: at,
        updatedAt: at,
      };
      yield* insertMany(table, [{ ...row, passwordHash, usernameKey: usernameKey(username) }]);
      yield* deps.joinWorld(tx, id, at);
      return row;
    });
  }

  async function load(ids: readonly bigint[]): Promise<UserRow[]> {
    const found = await Promise.all(
      chunks(ids).map((some) =>
        db.find(
          byId,
          some.map((id) => [id]),
        ),
      ),
    );
    return found.flat();
  }

  async function find(where: SQL | undefined, limit: number): Promise<UserRow[]> {
    return db.q.select(columns).from(table).where(where).orderBy(table.usernameKey).limit(limit);
  }

  /** Of the row of `table` at hand. */
  function blockOf(searcher: bigint) {
    const { requesterId, targetId, status } = deps.tables.friendshipRequests;
    const blocks = and(eq(requesterId, table.id), eq(targetId, searcher), eq(status, blocked));
    return db.q.select({ requesterId }).from(deps.tables.friendshipRequests).where(blocks);
  }

  return {
    async create(account) {
      try {
        return await insert({ ...account, isGuest: false });
      } catch (error) {
        throw isNameTaken(error) ? new AppError("USER_ALREADY_EXISTS", { cause: error }) : error;
      }
    },

    async createGuest() {
      for (let tried = 1; ; tried++) {
        const username = `guest_${randomBytes(4).toString("hex")}`;
        try {
          return await insert({ username, passwordHash: noPassword, avatarUrl: "", isGuest: true });
        } catch (error) {
          if (!isNameTaken(error) || tried >= guestNamesTried) throw error;
        }
      }
    },

    getMany: (ids) => profiles.get(ids),

    async getByUsername(username) {
      const [user] = await find(eq(table.usernameKey, usernameKey(username)), 1);
      return user;
    },

    async verifyPassword(id, password) {
      const [row] =
        id === undefined ? [] : await db.q.select({ hash: table.passwordHash }).from(table).where(eq(table.id, id));
      const valid = await deps.passwords.verify(password, row?.hash);
      if (valid && id !== undefined && row && deps.passwords.isOutdated(row.hash)) {
        const fresh = await deps.passwords.hash(password);
        // Only if nobody has changed the password meanwhile.
        const same = and(eq(table.id, id), eq(table.passwordHash, row.hash));
        await db.transaction(({ q }) => changes(q.update(table).set({ passwordHash: fresh }).where(same)));
      }
      return valid;
    },

    async update(id, change) {
      const key = change.username === undefined ? {} : { usernameKey: usernameKey(change.username) };
      try {
        return await db.transaction(function* ({ q }) {
          const at = yield* now();
          const set = { ...change, ...key, updatedAt: at };
          const byId = eq(table.id, id);
          // Of two upgrades at once one is the guest's.
          const guarded = change.isGuest === false ? and(byId, eq(table.isGuest, true)) : byId;
          const matched = yield* changes(q.update(table).set(set).where(guarded));
          const [user] = yield* run(q.select(columns).from(table).where(byId));
          if (!user) throw new AppError("USER_NOT_FOUND");
          if (matched === 0) throw new AppError("NOT_GUEST");
          return user;
        });
      } catch (error) {
        throw isNameTaken(error) ? new AppError("USER_ALREADY_EXISTS", { cause: error }) : error;
      } finally {
        await profiles.forget(id);
      }
    },

    async search(query, { limit, excludeIds, searcher }) {
      const key = usernameKey(query);
      const found: UserRow[] = [];
      const name = table.usernameKey;
      // U+10FFFF is in no name and sorts behind every character that is.
      const prefix = and(gt(name, key), lt(name, `${key}\u{10ffff}`));
      for (const matches of [eq(name, key), prefix, db.dialect.like(name, `%${likeText(key)}%`)]) {
        if (found.length >= limit) break;
        const except = [...excludeIds, ...found.map((user) => user.id)];
        const others = except.length > 0 ? notInArray(table.id, except) : undefined;
        const listed = and(
          eq(table.status, userStatus.normal),
          eq(table.isGuest, false),
          others,
          searcher === undefined ? undefined : notExists(blockOf(searcher)),
        );
        found.push(...(await find(and(matches, listed), limit - found.length)));
      }
      return found;
    },

    async findNotNormal(ids) {
      const refused = new Set(ids);
      for (const some of chunks([...refused])) {
        const normal = await db.q
          .select({ id: table.id })
          .from(table)
          .where(and(inArray(table.id, some), eq(table.status, userStatus.normal)));
        for (const { id } of normal) refused.delete(id);
      }
      return refused;
    },
  };
}

function isNameTaken(error: unknown): boolean {
  return error instanceof DbError && error.kind === "unique" && (error.constraint ?? "").includes("username");
}

function chunks<T>(all: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let from = 0; from < all.length; from += idsPerQuery) parts.push(all.slice(from, from + idsPerQuery));
  return parts;
}
