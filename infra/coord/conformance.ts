import { afterAll, beforeAll, describe, expect, test } from "bun:test";

/** What a promise rejects with; undefined when it does not. */
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

import {
  type Coord,
  CoordUnavailableError,
  PoolExhaustedError,
  type ServiceInstance,
  type Setting,
  SettingTooLargeError,
  settingBytesMax,
  settingChangesMax,
} from "./coord.ts";

export interface CoordUnderTest {
  /** Another process's view of the same centre. */
  connect(): Promise<Coord>;
  /** Makes everything held through `coord` lapse, as when its process is paused or cut off beyond the lease, and lets it wake up after `meanwhile`. */
  lapse(coord: Coord, meanwhile?: () => Promise<void>): Promise<void>;
  dispose(): Promise<void>;
}

/** The contract of coord.ts. `create` is called once; names of the tests do not meet. */
export function coordConformance(name: string, create: () => Promise<CoordUnderTest>): void {
  describe(`coord: ${name}`, () => {
    let it: CoordUnderTest;
    let run = 0;
    beforeAll(async () => {
      it = await create();
    });
    afterAll(() => it.dispose());
    const rule: Rule = (title, body) =>
      test(title, async () => {
        run += 1;
        await using one = await it.connect();
        await using two = await it.connect();
        await body({ one, two, name: `t${run}`, lapse: it.lapse });
      });
    registryRules(rule);
    lockRules(rule);
    numberRules(rule);
    settingRules(rule);
    closingRules(rule);
  });
}

interface Setup {
  readonly one: Coord;
  readonly two: Coord;
  readonly name: string;
  lapse(coord: Coord, meanwhile?: () => Promise<void>): Promise<void>;
}
type Rule = (title: string, body: (setup: Setup) => Promise<void>) => void;

/** Waits for a condition, at most 5 s. */
async function until(holds: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 5000; !holds(); await Bun.sleep(1))
    if (Date.now() > endMs) throw new Error("the condition did not come true");
}

const instanceOf = (name: string, id: string): ServiceInstance => ({
  name,
  id,
  address: "127.0.0.1",
  port: 9000,
  metadata: { version: "1" },
});
const ttlMs = 30_000;

function registryRules(rule: Rule): void {
  rule(
    "registry: who is registered is discovered by all, ordered by id, until unregistered",
    async ({ one, two, name }) => {
      const b = await one.register(instanceOf(name, "b"));
      await two.register(instanceOf(name, "a"));
      expect(await two.discover(name)).toEqual([instanceOf(name, "a"), instanceOf(name, "b")]);
      await b.update({ port: 9001, metadata: { version: "2" } });
      expect((await two.discover(name)).at(1)).toEqual({
        ...instanceOf(name, "b"),
        port: 9001,
        metadata: { version: "2" },
      });
      await b.unregister();
      await b.unregister();
      expect(await one.discover(name)).toEqual([instanceOf(name, "a")]);
      expect(b.lost.aborted).toBe(false);
      expect(await one.discover(`${name}-other`)).toEqual([]);
    },
  );
  rule(
    "registry: a watcher sees the whole list at once, then the latest after every change",
    async ({ one, two, name }) => {
      await one.register(instanceOf(name, "a"));
      const seen: string[] = [];
      const watch = await two.watch(name, (all) => seen.push(all.map((each) => each.id).join()));
      expect(seen).toEqual(["a"]);
      const b = await one.register(instanceOf(name, "b"));
      await until(() => seen.at(-1) === "a,b");
      await b.unregister();
      await until(() => seen.at(-1) === "a");
      await watch.close();
      await watch.close();
      const calls = seen.length;
      await one.register(instanceOf(name, "c"));
      expect(await two.discover(name)).toHaveLength(2);
      expect(seen).toHaveLength(calls);
    },
  );
  rule(
    "50 §8 incarnation: a second registration of the id replaces the first, which learns that it lost",
    async ({ one, two, name }) => {
      const first = await one.register(instanceOf(name, "a"));
      const second = await two.register({ ...instanceOf(name, "a"), port: 1 });
      await until(() => first.lost.aborted);
      await first.unregister();
      await first.update({ port: 2 });
      expect(await one.discover(name)).toEqual([{ ...instanceOf(name, "a"), port: 1 }]);
      expect(second.lost.aborted).toBe(false);
    },
  );
  rule(
    "60 §4 degraded: a lapsed instance vanishes, and comes back by itself where nobody took its id",
    async ({ one, two, name, lapse }) => {
      let regained = 0;
      const onRegained = (): void => {
        regained += 1;
      };
      const registration = await one.register(instanceOf(name, "a"), { onRegained });
      const seen: number[] = [];
      await two.watch(name, (all) => seen.push(all.length));
      await lapse(one, () => until(() => seen.at(-1) === 0));
      await until(() => seen.at(-1) === 1);
      await until(() => regained === 1);
      expect(registration.lost.aborted).toBe(false);
      await registration.update({ port: 9001 });
      expect((await two.discover(name)).at(0)?.port).toBe(9001);
    },
  );
  rule(
    "50 §8 incarnation: a lapsed instance whose id another took meanwhile learns that it was replaced",
    async ({ one, two, name, lapse }) => {
      let regained = 0;
      const onRegained = (): void => {
        regained += 1;
      };
      const registration = await one.register(instanceOf(name, "a"), { onRegained });
      await lapse(one, async () => {
        await two.register({ ...instanceOf(name, "a"), port: 1 });
      });
      await until(() => registration.lost.aborted);
      expect(regained).toBe(0);
      expect(await two.discover(name)).toEqual([{ ...instanceOf(name, "a"), port: 1 }]);
    },
  );
}

function lockRules(rule: Rule): void {
  rule("lock: one holder at a time; release lets the next in", async ({ one, two, name }) => {
    const lock = await one.tryAcquire(name, { ttlMs });
    expect(lock?.name).toBe(name);
    expect(await two.tryAcquire(name, { ttlMs })).toBeUndefined();
    expect(await one.tryAcquire(name, { ttlMs })).toBeUndefined();
    const waiting = two.acquire(name, { ttlMs, signal: AbortSignal.timeout(5000) });
    await lock?.release();
    await lock?.release();
    const next = await waiting;
    expect(lock?.lost.aborted).toBe(false);
    expect(await one.tryAcquire(name, { ttlMs })).toBeUndefined();
    await next.release();
  });
  rule("lock: of many only one at a time is inside, and all come in", async ({ one, two, name }) => {
    let inside = 0;
    let done = 0;
    const work = async (coord: Coord): Promise<void> => {
      const lock = await coord.acquire(name, { ttlMs, signal: AbortSignal.timeout(20_000) });
      inside += 1;
      expect(inside).toBe(1);
      await Promise.resolve();
      inside -= 1;
      done += 1;
      await lock.release();
    };
    await Promise.all(Array.from({ length: 20 }, (_, at) => work(at % 2 === 0 ? one : two)));
    expect(done).toBe(20);
  });
  rule("lock: a waiting acquire ends with its signal's reason and leaves the queue", async ({ one, two, name }) => {
    const lock = await one.acquire(name, { ttlMs, signal: AbortSignal.timeout(5000) });
    const stop = new AbortController();
    const waiting = two.acquire(name, { ttlMs, signal: stop.signal });
    stop.abort(new Error("enough"));
    expect(String(await failure(waiting))).toContain("enough");
    expect(String(await failure(two.acquire(name, { ttlMs, signal: stop.signal })))).toContain("enough");
    await lock.release();
    expect(await two.tryAcquire(name, { ttlMs })).toBeDefined();
  });
  rule("election: the leader's loss aborts `lost` and makes another the leader", async ({ one, two, name, lapse }) => {
    const leader = await one.acquire(name, { ttlMs, signal: AbortSignal.timeout(5000) });
    const next = two.acquire(name, { ttlMs, signal: AbortSignal.timeout(5000) });
    await lapse(one);
    await until(() => leader.lost.aborted);
    await leader.release();
    expect((await next).lost.aborted).toBe(false);
    expect(await one.tryAcquire(name, { ttlMs })).toBeUndefined();
  });
}

function numberRules(rule: Rule): void {
  rule(
    "40 §1 worker lease: the lowest free number, no number twice, released ones are given again",
    async ({ one, two, name }) => {
      const range = { min: 1, max: 3 };
      const leases = await Promise.all([
        one.claimNumber(name, range),
        two.claimNumber(name, range),
        one.claimNumber(name, range),
      ]);
      expect(leases.map((lease) => lease.number).toSorted()).toEqual([1, 2, 3]);
      expect(await failure(two.claimNumber(name, range))).toBeInstanceOf(PoolExhaustedError);
      const second = leases.find((lease) => lease.number === 2);
      await second?.release();
      await second?.release();
      expect((await two.claimNumber(name, range)).number).toBe(2);
      expect((await two.claimNumber(`${name}-other`, range)).number).toBe(1);
    },
  );
  rule(
    "40 §1 worker lease: it was confirmed lately while held, and not any more once released",
    async ({ one, name }) => {
      const lease = await one.claimNumber(name, { min: 1, max: 1023 });
      expect(Date.now() - lease.lastConfirmedMs()).toBeLessThan(20_000);
      await lease.release();
      expect(Date.now() - lease.lastConfirmedMs()).toBeGreaterThan(20_000);
      expect(lease.lost.aborted).toBe(false);
    },
  );
  rule(
    "40 §1 worker lease: a lapsed number goes to another, and its holder learns of it",
    async ({ one, two, name, lapse }) => {
      const lease = await one.claimNumber(name, { min: 1, max: 1 });
      await lapse(one, async () => {
        expect((await two.claimNumber(name, { min: 1, max: 1 })).number).toBe(1);
      });
      await until(() => lease.lost.aborted);
      expect(Date.now() - lease.lastConfirmedMs()).toBeGreaterThan(20_000);
    },
  );
  rule("40 §1 worker lease: a lapsed number that nobody took is confirmed again", async ({ one, two, name, lapse }) => {
    const lease = await one.claimNumber(name, { min: 1, max: 1 });
    const lapsedMs = Date.now();
    await lapse(one);
    await until(() => lease.lastConfirmedMs() >= lapsedMs);
    expect(await failure(two.claimNumber(name, { min: 1, max: 1 }))).toBeInstanceOf(PoolExhaustedError);
    expect(lease.lost.aborted).toBe(false);
  });
}

function settingRules(rule: Rule): void {
  rule("settings: what is set is read by all; versions grow and are not used twice", async ({ one, two, name }) => {
    const key = `/config/${name}/a`;
    expect(await one.settings.get(key)).toBeUndefined();
    const first = await one.settings.set(key, "1");
    expect(await two.settings.get(key)).toEqual({ key, value: "1", version: first });
    const second = await two.settings.set(key, "2");
    expect(second).toBeGreaterThan(first);
    expect(await one.settings.delete(key)).toBe(true);
    expect(await one.settings.delete(key)).toBe(false);
    expect(await one.settings.set(key, "3")).not.toBe(second);
  });
  rule("settings: list answers what begins with the prefix, by key", async ({ one, name }) => {
    for (const at of ["b/2", "b/1", "c", "bb"]) await one.settings.set(`/config/${name}/${at}`, at);
    expect((await one.settings.list(`/config/${name}/b/`)).map((setting) => setting.value)).toEqual(["b/1", "b/2"]);
  });
  rule("settings: compareAndSet writes only over the version that was read", async ({ one, two, name }) => {
    const { settings } = one;
    const first = await settings.compareAndSet(name, undefined, "1");
    expect(first).toBeDefined();
    expect(await two.settings.compareAndSet(name, undefined, "x")).toBeUndefined();
    const both = await Promise.all([
      settings.compareAndSet(name, first, "2"),
      two.settings.compareAndSet(name, first, "3"),
    ]);
    expect(both.filter((version) => version !== undefined)).toHaveLength(1);
    expect(["2", "3"]).toContain((await settings.get(name))?.value ?? "");
  });
  rule("settings: setAll writes and deletes all of them, or nothing", async ({ one, two, name }) => {
    const all = Array.from({ length: settingChangesMax }, (_, at) => ({ key: `/all/${name}/${at}`, value: `${at}` }));
    await one.settings.setAll(all);
    expect(await two.settings.list(`/all/${name}/`)).toHaveLength(settingChangesMax);
    await one.settings.setAll([
      { key: `/all/${name}/0`, value: undefined },
      { key: `/all/${name}/1`, value: "changed" },
      { key: `/all/${name}/none`, value: undefined },
    ]);
    expect(await two.settings.get(`/all/${name}/0`)).toBeUndefined();
    expect((await two.settings.get(`/all/${name}/1`))?.value).toBe("changed");
    const tooLarge = { key: `/all/${name}/3`, value: "x".repeat(settingBytesMax + 1) };
    const wrong = [
      [{ key: `/all/${name}/2`, value: "wrong" }, tooLarge],
      [
        { key: `/all/${name}/2`, value: "wrong" },
        { key: `/all/${name}/2`, value: "twice" },
      ],
      [...all, { key: `/all/${name}/more`, value: "wrong" }],
    ];
    for (const changes of wrong) expect(await failure(one.settings.setAll(changes))).toBeInstanceOf(Error);
    expect((await two.settings.get(`/all/${name}/2`))?.value).toBe("2");
    await one.settings.setAll([]);
  });
  rule(
    "settings: a watcher gets everything at once, then never misses the latest value",
    async ({ one, two, name }) => {
      await one.settings.set(`/w/${name}/a`, "0");
      let latest: readonly Setting[] = [];
      const watch = await two.settings.watchPrefix(`/w/${name}/`, (all) => {
        latest = all;
      });
      const value = (): string => latest.map((setting) => setting.value).join();
      expect(value()).toBe("0");
      for (let at = 1; at <= 50; at += 1) await one.settings.set(`/w/${name}/a`, String(at));
      await one.settings.set(`/w/${name}/b`, "b");
      await until(() => value() === "50,b");
      await one.settings.delete(`/w/${name}/a`);
      await until(() => value() === "b");
      await watch.close();
      await one.settings.set(`/w/${name}/b`, "c");
      expect((await two.settings.get(`/w/${name}/b`))?.value).toBe("c");
      expect(value()).toBe("b");
    },
  );
  rule("settings: a watcher that throws is called again at the next change", async ({ one, two, name }) => {
    let calls = 0;
    await two.settings.watchPrefix(`/w/${name}/`, () => {
      calls += 1;
      throw new Error("a watcher's own");
    });
    await one.settings.set(`/w/${name}/a`, "1");
    await until(() => calls >= 2);
  });
  rule("G4: a value beyond its bound is refused", async ({ one, name }) => {
    expect(await failure(one.settings.set(name, "x".repeat(settingBytesMax + 1)))).toBeInstanceOf(SettingTooLargeError);
    expect(await one.settings.get(name)).toBeUndefined();
  });
}

function closingRules(rule: Rule): void {
  rule("dispose gives everything back, ends what waits, and refuses further calls", async ({ one, two, name }) => {
    await one.register(instanceOf(name, "a"));
    const lock = await one.acquire(name, { ttlMs, signal: AbortSignal.timeout(5000) });
    const lease = await one.claimNumber(name, { min: 1, max: 1 });
    const waiting = one.acquire(name, { ttlMs, signal: AbortSignal.timeout(5000) });
    const ended = failure(waiting);
    await one[Symbol.asyncDispose]();
    expect(await ended).toBeInstanceOf(CoordUnavailableError);
    expect(lock.lost.aborted).toBe(true);
    expect(lease.lost.aborted).toBe(true);
    expect(await two.discover(name)).toEqual([]);
    expect(await two.tryAcquire(name, { ttlMs })).toBeDefined();
    expect((await two.claimNumber(name, { min: 1, max: 1 })).number).toBe(1);
    expect(await failure(one.discover(name))).toBeInstanceOf(CoordUnavailableError);
    expect(await failure(one.settings.get(name))).toBeInstanceOf(CoordUnavailableError);
  });
}
