import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Cache, Script } from "../../../infra/cache/cache.ts";
import { createMemoryCache } from "../../../infra/cache/memory.ts";
import { connectRedis } from "../../../infra/cache/redis.ts";
import { redisConfig, removeKeys } from "../../../infra/cache/redis-testing.ts";
import { silentLogger } from "../../../infra/clog/clog.ts";
import { parsePresence, presenceKey } from "../../../repo/store/presence-format.ts";
import { formatRow, onlineKey, type PresenceRow } from "../../../repo/store/presence-row.ts";
import { goOffline, goOnline, holdGateway, stayOnline } from "../../../repo/store/presence-scripts.ts";
import { sweepSessions } from "../../../repo/store/presence-sweep.ts";

const node = process.env.GOCHAT_TEST_REDIS;
const title = "presence: the Lua and the local form of each script do the same";

describe.skipIf(node === undefined)(
  node === undefined ? `${title} (skipped: needs GOCHAT_TEST_REDIS=host:port)` : title,
  () => {
    const prefix = `live-${crypto.randomUUID()}:`;
    let redis: Cache;
    beforeAll(async () => {
      redis = await connectRedis(redisConfig([node ?? ""], { prefix }), { clog: silentLogger });
    });
    afterAll(async () => {
      await redis[Symbol.asyncDispose]();
      await removeKeys(node ?? "", prefix);
    });

    for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
      test(`over 250 random steps of seed ${seed}`, async () => {
        // Time passes in the arguments only, so the keys themselves do not expire meanwhile.
        await using memory = createMemoryCache({ clock: () => 1_800_000_000_000 });
        const pick = choices(seed);
        const users = [1n, 2n, 3n].map((user) => user + BigInt(seed) * 100n);
        let now = 1_800_000_000;
        for (let at = 0; at < 250; at += 1) {
          now += pick([0, 0, 1, 30, 200]);
          const user = pick(users);
          const { script, keys, args } = step(pick, user, now, seed);
          const local = await memory.eval(script, keys, args);
          expect({ at, answer: await redis.eval(script, keys, args) }).toEqual({ at, answer: local });
          expect({ at, state: await stateOf(redis, user) }).toEqual({ at, state: await stateOf(memory, user) });
          if (pick([true, false, false, false, false])) await spoil(pick, [memory, redis], user);
        }
      });
    }
  },
);

const ttlMs = 300_000;
type Pick = <T>(from: readonly T[]) => T;

function step(pick: Pick, user: bigint, now: number, seed: number) {
  const keys = [onlineKey(user), presenceKey(user)];
  const common = [now, now - ttlMs / 1000, ttlMs];
  const gatewayId = pick(["gateway-1", "gateway-2", "gateway-10"]);
  const incarnation = pick(["019a-1", "019a-2"]);
  const session = (): string => pick(["a", "b", "c", "d", "e", "F", "g-7", "ü"]);
  const row: PresenceRow = {
    gatewayId,
    incarnation,
    sid: pick(["s1", "s2"]),
    deviceId: pick(["", "d1", "d2", "d3"]),
    platform: pick(["web", "ios", "android"]),
    clientInfo: pick(["", 'Chrome "1"/2', "日本 😀\u0001\n", "a\ttab"]),
    connectedAtMs: now * 1000 + pick([0, 0, -90_000, 40_000]),
    lastSeen: now,
  };
  const online = [
    session(),
    formatRow(row),
    pick(["multi", "per-platform", "single"]),
    pick([0, 1, 2, 5]),
    pick([0, 1]),
  ];
  return pick<{ script: Script; keys: string[]; args: (string | number)[] }>([
    { script: goOnline, keys, args: [...common, ...online] },
    { script: goOnline, keys, args: [...common, ...online] },
    { script: goOffline, keys, args: [...common, session(), gatewayId, incarnation] },
    { script: stayOnline, keys, args: [...common, gatewayId, incarnation, session(), session(), session()] },
    { script: stayOnline, keys, args: [...common, "", ""] },
    { script: sweepSessions, keys, args: [...common, now - 90, `${gatewayId}|${incarnation}`, "gateway-2|019a-1"] },
    { script: sweepSessions, keys, args: [...common, now - 90] },
    { script: holdGateway, keys: [`gateway:incarnation:${seed}`], args: [incarnation, ttlMs] },
  ]);
}

/** Presence may hold anything: an older version's rows, or half of one. */
async function spoil(pick: Pick, caches: readonly Cache[], user: bigint): Promise<void> {
  const value = pick([
    "{",
    "null",
    "[]",
    "7",
    "a\tb\t\t1\t9000000000\t\t",
    "a\tb\t\t-1\t9000000000\t\t\t",
    "a\tb\t\t1\t0x99999999999\t\t\t",
    "a\tb\t\t1\t9000000000000000\t\t\t",
    "\tb\t\t1\t9000000000\t\t\t",
    "a\tb\t\t1\t9000000000\t\t\t\t",
    "gateway-1\t019a-1\ts1\t1\t9000000000\tweb\td1\t\n\u0000ü",
  ]);
  const field = pick(["a", "z"]);
  for (const cache of caches) await cache.hset(onlineKey(user), { [field]: value }, { ttlMs });
}

async function stateOf(cache: Cache, user: bigint) {
  const rows = await cache.hgetall(onlineKey(user));
  const places = parsePresence(await cache.get(presenceKey(user)));
  const lives = await Promise.all([cache.ttl(onlineKey(user)), cache.ttl(presenceKey(user))]);
  return { rows, places, lives: lives.map((ms) => ms !== undefined && ms > ttlMs - 60_000) };
}

/** Choices that a seed repeats (mulberry32). */
function choices(seed: number): Pick {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return (from) => {
    const one = from[Math.floor(random() * from.length)];
    if (one === undefined) throw new RangeError("nothing to choose from");
    return one;
  };
}
