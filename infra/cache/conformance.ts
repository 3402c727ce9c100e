import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Cache, fillLeaseMs, type Script, WrongTypeError } from "./cache.ts";

/** What a promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

export interface CacheUnderTest {
  /** Two clients of one store; may be the same object where there is only one process. */
  readonly cache: Cache;
  readonly other: Cache;
  /** Lets `ms` pass for the store: a clock that is moved, or a real wait. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

/** The contract of cache.ts. `create` is called once; keys of the tests do not meet. */
export function cacheConformance(name: string, create: () => Promise<CacheUnderTest>): void {
  describe(`cache: ${name}`, () => {
    let it: CacheUnderTest;
    let run = 0;
    const key = (text: string): string => `${text}:${run}`;
    beforeAll(async () => {
      it = await create();
    });
    afterAll(() => it.dispose());
    const rule = (title: string, body: (cache: Cache) => Promise<void>): void =>
      test(title, () => {
        run += 1;
        return body(it.cache);
      });
    stringRules(rule, key, () => it);
    collectionRules(rule, key, () => it);
    fillRules(rule, key, () => it);
    atomicRules(rule, key, () => it);
  });
}

type Rule = (title: string, body: (cache: Cache) => Promise<void>) => void;
type Key = (text: string) => string;
type Under = () => CacheUnderTest;

function stringRules(rule: Rule, key: Key, under: Under): void {
  rule("a miss is undefined; what is set is read back, by every client, with any characters", async (cache) => {
    expect(await cache.get(key("a"))).toBeUndefined();
    await cache.set(key("a"), "ü\u0000\n😀");
    expect(await under().other.get(key("a"))).toBe("ü\u0000\n😀");
    await cache.set(key("a"), "");
    expect(await cache.get(key("a"))).toBe("");
    expect(await cache.exists(key("a"))).toBe(true);
  });
  rule("mget answers in the order asked, repeats and misses included; no keys, no values", async (cache) => {
    await cache.set(key("a"), "1");
    await cache.hset(key("h"), { f: "1" });
    expect(await cache.mget([key("b"), key("a"), key("h"), key("a")])).toEqual([undefined, "1", undefined, "1"]);
    expect(await cache.mget([])).toEqual([]);
  });
  rule("del counts what there was", async (cache) => {
    await cache.set(key("a"), "1");
    await cache.sadd(key("b"), ["x"]);
    expect(await cache.del([key("a"), key("b"), key("c")])).toBe(2);
    expect(await cache.del([])).toBe(0);
    expect(await cache.exists(key("b"))).toBe(false);
  });
  rule("setNX sets only what is not there", async (cache) => {
    expect(await cache.setNX(key("a"), "1", { ttlMs: 60_000 })).toBe(true);
    expect(await under().other.setNX(key("a"), "2")).toBe(false);
    expect(await cache.get(key("a"))).toBe("1");
  });
  rule("incr counts from 0 by steps, and refuses what is no integer", async (cache) => {
    expect(await cache.incr(key("n"))).toBe(1);
    expect(await cache.incr(key("n"), { by: 5 })).toBe(6);
    expect(await cache.incr(key("n"), { by: -7 })).toBe(-1);
    await cache.set(key("t"), "x");
    expect(await failure(cache.incr(key("t")))).toBeInstanceOf(WrongTypeError);
  });
  rule("a time to live ends a key; set without one lifts it, other writes keep it", async (cache) => {
    await cache.set(key("a"), "1", { ttlMs: 200 });
    await cache.set(key("b"), "1", { ttlMs: 200 });
    await cache.set(key("b"), "2");
    await cache.hset(key("h"), { f: "1" }, { ttlMs: 200 });
    await cache.hset(key("h"), { g: "1" });
    await cache.incr(key("n"), { ttlMs: 200 });
    await cache.incr(key("n"), { ttlMs: 60_000 });
    expect(await cache.ttl(key("a"))).toBeWithin(1, 201);
    expect(await cache.ttl(key("b"))).toBeUndefined();
    await under().advance(201);
    expect(await cache.mget([key("a"), key("b"), key("n")])).toEqual([undefined, "2", undefined]);
    expect(await cache.hgetall(key("h"))).toEqual({});
    expect(await cache.setNX(key("a"), "3")).toBe(true);
  });
  rule("expire gives a time to live to what exists; none or less deletes", async (cache) => {
    await cache.set(key("a"), "1");
    expect(await cache.expire(key("a"), 200)).toBe(true);
    expect(await cache.expire(key("none"), 200)).toBe(false);
    await under().advance(201);
    expect(await cache.get(key("a"))).toBeUndefined();
    await cache.set(key("b"), "1");
    expect(await cache.expire(key("b"), 0)).toBe(true);
    expect(await cache.exists(key("b"))).toBe(false);
  });
  rule("a verb on another kind of value rejects with WrongTypeError; set replaces any kind", async (cache) => {
    await cache.sadd(key("s"), ["x"]);
    expect(await failure(cache.get(key("s")))).toBeInstanceOf(WrongTypeError);
    expect(await failure(cache.hset(key("s"), { f: "1" }))).toBeInstanceOf(WrongTypeError);
    expect(await failure(cache.zcard(key("s")))).toBeInstanceOf(WrongTypeError);
    await cache.set(key("s"), "1");
    expect(await cache.get(key("s"))).toBe("1");
  });
}

function collectionRules(rule: Rule, key: Key, under: Under): void {
  rule("hash: fields are set, read, deleted; the last one takes the key along", async (cache) => {
    await cache.hset(key("h"), { a: "1", b: "2" }, { ttlMs: 60_000 });
    await under().other.hset(key("h"), { b: "3" });
    expect(await cache.hgetall(key("h"))).toEqual({ a: "1", b: "3" });
    expect(await cache.hget(key("h"), "b")).toBe("3");
    expect(await cache.hget(key("h"), "z")).toBeUndefined();
    expect(await cache.hlen(key("h"))).toBe(2);
    expect(await cache.hdel(key("h"), ["a", "z"])).toBe(1);
    expect(await cache.hdel(key("h"), ["b"])).toBe(1);
    expect(await cache.exists(key("h"))).toBe(false);
    expect(await cache.hdel(key("h"), ["b"])).toBe(0);
  });
  rule("set: members are unique; the last one takes the key along", async (cache) => {
    expect(await cache.sadd(key("s"), ["a", "b", "a"])).toBe(2);
    expect(await cache.sadd(key("s"), ["b", "c"], { ttlMs: 60_000 })).toBe(1);
    expect((await cache.smembers(key("s"))).toSorted()).toEqual(["a", "b", "c"]);
    expect(await cache.sismember(key("s"), "a")).toBe(true);
    expect(await cache.sismember(key("s"), "z")).toBe(false);
    expect(await cache.scard(key("s"))).toBe(3);
    expect(await cache.srem(key("s"), ["a", "b", "c", "z"])).toBe(3);
    expect(await cache.exists(key("s"))).toBe(false);
    expect(await cache.smembers(key("s"))).toEqual([]);
  });
  rule("zset: ordered by score, then by member as bytes; ranges are inclusive", async (cache) => {
    const entries = [
      { member: "c", score: 3 },
      { member: "b", score: 1 },
      { member: "a", score: 1 },
      { member: "d", score: -2.5 },
    ];
    expect(await cache.zadd(key("z"), entries)).toBe(4);
    expect(await cache.zadd(key("z"), [{ member: "d", score: 9 }])).toBe(0);
    const members = async (...range: [number, number, { limit?: number; reverse?: boolean }?]) =>
      (await cache.zrangeByScore(key("z"), ...range)).map((one) => one.member);
    expect(await members(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)).toEqual(["a", "b", "c", "d"]);
    expect(await members(1, 3)).toEqual(["a", "b", "c"]);
    expect(await members(1, 9, { limit: 2, reverse: true })).toEqual(["d", "c"]);
    expect(await cache.zrangeByScore(key("z"), 3, 3)).toEqual([{ member: "c", score: 3 }]);
    expect(await cache.zscore(key("z"), "d")).toBe(9);
    expect(await cache.zscore(key("z"), "x")).toBeUndefined();
  });
  rule("zset: removal by rank, also from the end, as a bound on the length needs it", async (cache) => {
    await cache.zadd(
      key("z"),
      [1, 2, 3, 4, 5].map((score) => ({ member: `m${score}`, score })),
    );
    expect(await cache.zremRangeByRank(key("z"), 0, -4)).toBe(2);
    expect((await cache.zrangeByScore(key("z"), 0, 9)).map((one) => one.score)).toEqual([3, 4, 5]);
    expect(await cache.zremRangeByRank(key("z"), 0, -4)).toBe(0);
    expect(await cache.zrem(key("z"), ["m3", "m9"])).toBe(1);
    expect(await cache.zremRangeByRank(key("z"), 0, -1)).toBe(2);
    expect(await cache.zcard(key("z"))).toBe(0);
    expect(await cache.exists(key("z"))).toBe(false);
  });
}

function fillRules(rule: Rule, key: Key, under: Under): void {
  rule("40 §5 fill lease: one caller fills, the others store nothing, then all hit", async (cache) => {
    const first = await cache.getOrLease(key("a"));
    expect(first.value).toBeUndefined();
    expect(first.lease).toBeString();
    expect(await under().other.getOrLease(key("a"))).toEqual({});
    expect(await under().other.storeWithLease(key("a"), "guessed", "wrong", { ttlMs: 60_000 })).toBe(false);
    expect(await cache.storeWithLease(key("a"), first.lease ?? "", "1", { ttlMs: 60_000 })).toBe(true);
    expect(await under().other.getOrLease(key("a"))).toEqual({ value: "1" });
    expect(await cache.ttl(key("a"))).toBeWithin(1, 60_001);
  });
  rule("40 §5 fill lease: a delete between miss and store keeps the old value out", async (cache) => {
    const { lease = "" } = await cache.getOrLease(key("a"));
    expect(await under().other.del([key("a")])).toBe(0);
    expect(await cache.storeWithLease(key("a"), lease, "old", { ttlMs: 60_000 })).toBe(false);
    expect(await cache.get(key("a"))).toBeUndefined();
  });
  rule("40 §5 fill lease: after the delete a new lease is given, and the old one is worth nothing", async (cache) => {
    const { lease: old = "" } = await cache.getOrLease(key("a"));
    await cache.del([key("a")]);
    const { lease: fresh = "" } = await under().other.getOrLease(key("a"));
    expect(fresh).not.toBe("");
    expect(await cache.storeWithLease(key("a"), old, "old", { ttlMs: 60_000 })).toBe(false);
    expect(await under().other.storeWithLease(key("a"), fresh, "new", { ttlMs: 60_000 })).toBe(true);
    expect(await cache.get(key("a"))).toBe("new");
  });
  rule("40 §5 fill lease: it is spent by one store", async (cache) => {
    const { lease = "" } = await cache.getOrLease(key("a"));
    expect(await cache.storeWithLease(key("a"), lease, "1", { ttlMs: 60_000 })).toBe(true);
    expect(await cache.storeWithLease(key("a"), lease, "2", { ttlMs: 60_000 })).toBe(false);
  });
  rule("40 §5 fill lease: it ends after 3 s", async (cache) => {
    const { lease = "" } = await cache.getOrLease(key("a"));
    await under().advance(fillLeaseMs + 1);
    expect(await cache.storeWithLease(key("a"), lease, "late", { ttlMs: 60_000 })).toBe(false);
    expect((await cache.getOrLease(key("a"))).lease).toBeString();
  });
  rule(
    "40 §5 fill lease: of many at once one gets it, in every interleaving with deletes no old value stays",
    async (cache) => {
      let row = 0;
      const read = async (): Promise<void> => {
        const fill = await cache.getOrLease(key("a"));
        if (fill.lease === undefined) return;
        const seen = row;
        await Promise.resolve();
        await cache.storeWithLease(key("a"), fill.lease, String(seen), { ttlMs: 60_000 });
      };
      const write = async (): Promise<void> => {
        row += 1;
        await under().other.del([key("a")]);
      };
      for (let round = 0; round < 30; round += 1) await Promise.all([read(), read(), write(), read(), write(), read()]);
      const left = await cache.get(key("a"));
      expect(left === undefined || left === String(row)).toBe(true);
      const fills = await Promise.all(Array.from({ length: 20 }, () => cache.getOrLease(key("b"))));
      expect(fills.filter((fill) => fill.lease !== undefined)).toHaveLength(1);
    },
  );
}

/** Moves `n` from one counter to another; answers both. */
const move: Script = {
  name: "test-move",
  lua: `local n = tonumber(ARGV[1])
local a = redis.call('INCRBY', KEYS[1], -n)
local b = redis.call('INCRBY', KEYS[2], n)
return {a, b, ARGV[2], {}}`,
  local: (store, [from = "", to = ""], [n, text = ""]) => [
    store.incr(from, { by: -Number(n) }),
    store.incr(to, { by: Number(n) }),
    text,
    [],
  ],
};
const half: Script = {
  name: "test-half",
  lua: "return tonumber(ARGV[1]) / 2",
  local: (_store, _keys, [n]) => Number(n) / 2,
};
const nothing: Script = {
  name: "test-nothing",
  lua: "return redis.call('GET', KEYS[1])",
  local: (store, [key = ""]) => store.get(key),
};

function atomicRules(rule: Rule, key: Key, under: Under): void {
  rule("a script is one atomic step", async (cache) => {
    const moves = Array.from({ length: 100 }, (_, at) =>
      (at % 2 === 0 ? cache : under().other).eval(move, [key("{m}:a"), key("{m}:b")], [1, "x"]),
    );
    for (const result of await Promise.all(moves)) {
      const [a, b, text, list] = Array.isArray(result) ? result : [];
      expect(Number(a) + Number(b)).toBe(0);
      expect([text, list]).toEqual(["x", []]);
    }
    expect(await cache.mget([key("{m}:a"), key("{m}:b")])).toEqual(["-100", "100"]);
  });
  rule("a script's number is cut to an integer; nothing is undefined", async (cache) => {
    expect(await cache.eval(half, [], [5])).toBe(2);
    expect(await cache.eval(half, [], [-5])).toBe(-2);
    expect(await cache.eval(nothing, [key("none")], [])).toBeUndefined();
  });
  rule("lock: one holder; unlock and refresh compare the owner", async (cache) => {
    const ours = await cache.lock(key("l"), 200);
    expect(ours).toBeDefined();
    expect(await under().other.lock(key("l"), 200)).toBeUndefined();
    expect(await ours?.refresh(200)).toBe(true);
    await under().advance(201);
    const theirs = await under().other.lock(key("l"), 60_000);
    expect(theirs).toBeDefined();
    expect(await ours?.refresh(60_000)).toBe(false);
    expect(await ours?.unlock()).toBe(false);
    expect(await cache.lock(key("l"), 200)).toBeUndefined();
    expect(await theirs?.unlock()).toBe(true);
    expect(await cache.lock(key("l"), 200)).toBeDefined();
  });
  rule("50 §5 routes: values and run id come together; the run id stays while nothing was lost", async (cache) => {
    await cache.set(key("a"), "1");
    const first = await cache.mgetPrimary([key("a"), key("b")]);
    expect(first.values).toEqual(["1", undefined]);
    expect(first.runId).not.toBe("");
    expect((await under().other.mgetPrimary([])).runId).toBe(first.runId);
  });
  rule("calls of one turn take effect in their order", async (cache) => {
    const steps = Array.from({ length: 50 }, (_, at) => cache.set(key("a"), String(at)));
    const last = cache.get(key("a"));
    await Promise.all(steps);
    expect(await last).toBe("49");
    await cache.ping();
  });
}
