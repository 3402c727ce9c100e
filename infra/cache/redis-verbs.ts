import { type Cache, type Scored, type Ttl, WrongTypeError } from "./cache.ts";
import type { CacheCounts } from "./counts.ts";
import type { RedisLink } from "./redis-link.ts";
import { integer, optionalTexts, pairs, score, scoreText, text, texts, wholeMs } from "./redis-replies.ts";
import { steps } from "./redis-scripts.ts";

export interface VerbDeps {
  readonly link: RedisLink;
  pathOf(key: string): string;
  leaseOf(key: string): string;
  readonly counts: CacheCounts;
}

type Strings = "get" | "set" | "setNX" | "del" | "exists" | "mget" | "incr" | "expire" | "ttl";
type Collections = Exclude<
  keyof Cache,
  Strings | "getOrLease" | "storeWithLease" | "mgetPrimary" | "eval" | "lock" | "ping" | typeof Symbol.asyncDispose
>;

export function stringVerbs({ link, pathOf, leaseOf, counts }: VerbDeps): Pick<Cache, Strings> {
  const px = (options: Ttl | undefined): string[] =>
    options?.ttlMs === undefined ? [] : ["PX", wholeMs(options.ttlMs)];
  return {
    async get(key) {
      const value = text(await link.call("get", pathOf(key)));
      counts.read(key, value !== undefined);
      return value;
    },
    async set(key, value, options) {
      await link.call("set", pathOf(key), value, ...px(options));
    },
    setNX: async (key, value, options) => (await link.call("set", pathOf(key), value, ...px(options), "NX")) !== null,
    async del(keys) {
      if (keys.length === 0) return 0;
      return link.cluster ? delInSlots(link, keys.map(pathOf), keys.map(leaseOf)) : delAll(link, keys, pathOf, leaseOf);
    },
    exists: async (key) => integer(await link.call("exists", pathOf(key))) === 1,
    async mget(keys) {
      if (keys.length === 0) return [];
      const paths = keys.map(pathOf);
      // One command for keys of several slots does not exist; those of one turn leave as one pipeline per node.
      const values = link.cluster
        ? await Promise.all(paths.map((path) => getString(link, path)))
        : optionalTexts(await link.call("mget", ...paths));
      for (const [at, key] of keys.entries()) counts.read(key, values[at] !== undefined);
      return values;
    },
    async incr(key, options) {
      const by = String(options?.by ?? 1);
      if (options?.ttlMs === undefined) return integer(await link.call("incrby", pathOf(key), by));
      return integer(await link.run(steps.incr, [pathOf(key)], [by, wholeMs(options.ttlMs)]));
    },
    expire: async (key, ttlMs) => integer(await link.call("pexpire", pathOf(key), String(Math.ceil(ttlMs)))) === 1,
    async ttl(key) {
      const ms = integer(await link.call("pttl", pathOf(key)));
      return ms < 0 ? undefined : ms;
    },
  };
}

/** Two commands, for the answer counts no leases. The leases go first: once the key's deletion is known, no store under an old lease can follow. */
async function delAll(
  link: RedisLink,
  keys: readonly string[],
  pathOf: (key: string) => string,
  leaseOf: (key: string) => string,
): Promise<number> {
  const [, count] = await Promise.all([link.call("del", ...keys.map(leaseOf)), link.call("del", ...keys.map(pathOf))]);
  return integer(count);
}

async function delInSlots(link: RedisLink, paths: readonly string[], leases: readonly string[]): Promise<number> {
  const counts = await Promise.all(
    paths.map(async (path, at) => {
      const [, count] = await Promise.all([link.call("del", leases[at] ?? ""), link.call("del", path)]);
      return integer(count);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

/** As one of MGET: a key of another kind is a miss. */
async function getString(link: RedisLink, path: string): Promise<string | undefined> {
  try {
    return text(await link.call("get", path));
  } catch (error) {
    if (error instanceof WrongTypeError) return undefined;
    throw error;
  }
}

export function collectionVerbs({ link, pathOf, counts }: VerbDeps): Pick<Cache, Collections> {
  /** HSET, SADD or ZADD, the time to live in the same step. */
  const write = async (command: string, key: string, args: string[], options: Ttl | undefined): Promise<number> => {
    if (args.length === 0) return 0;
    if (options?.ttlMs === undefined) return integer(await link.call(command, pathOf(key), ...args));
    return integer(await link.run(steps.writeAndExpire, [pathOf(key)], [command, wholeMs(options.ttlMs), ...args]));
  };
  const remove = async (command: string, key: string, members: readonly string[]): Promise<number> =>
    members.length === 0 ? 0 : integer(await link.call(command, pathOf(key), ...members));
  return {
    hget: async (key, field) => text(await link.call("hget", pathOf(key), field)),
    async hset(key, fields, options) {
      await write("hset", key, Object.entries(fields).flat(), options);
    },
    async hgetall(key) {
      const fields = pairs(await link.call("hgetall", pathOf(key)));
      counts.read(key, fields.length > 0);
      return Object.fromEntries(fields);
    },
    hdel: (key, fields) => remove("hdel", key, fields),
    hlen: async (key) => integer(await link.call("hlen", pathOf(key))),
    sadd: (key, members, options) => write("sadd", key, [...members], options),
    srem: (key, members) => remove("srem", key, members),
    smembers: async (key) => texts(await link.call("smembers", pathOf(key))),
    sismember: async (key, member) => integer(await link.call("sismember", pathOf(key), member)) === 1,
    scard: async (key) => integer(await link.call("scard", pathOf(key))),
    zadd: async (key, entries, options) =>
      write(
        "zadd",
        key,
        entries.flatMap((entry) => [scoreText(entry.score), entry.member]),
        options,
      ),
    zrem: (key, members) => remove("zrem", key, members),
    async zrangeByScore(key, min, max, options) {
      const [low, high] = [scoreText(min), scoreText(max)];
      const limit = options?.limit === undefined ? [] : ["LIMIT", "0", String(options.limit)];
      const reply = options?.reverse
        ? await link.call("zrevrangebyscore", pathOf(key), high, low, "WITHSCORES", ...limit)
        : await link.call("zrangebyscore", pathOf(key), low, high, "WITHSCORES", ...limit);
      return pairs(reply).map(([member, value]): Scored => ({ member, score: score(value) }));
    },
    zremRangeByRank: async (key, start, stop) =>
      integer(await link.call("zremrangebyrank", pathOf(key), String(start), String(stop))),
    zcard: async (key) => integer(await link.call("zcard", pathOf(key))),
    async zscore(key, member) {
      const reply = text(await link.call("zscore", pathOf(key), member));
      return reply === undefined ? undefined : score(reply);
    },
  };
}
