import { expect, test } from "bun:test";
import { DbError } from "./errors.ts";
import { Pool, type Pooled, type PoolOptions } from "./pool.ts";

const options: PoolOptions = {
  openMax: 2,
  idleMax: 1,
  lifetimeMs: 60_000,
  idleMs: 60_000,
  waitingMax: 2,
  waitMs: 1000,
  keepAliveMs: 60_000,
};

class Fake implements Pooled {
  static made = 0;
  readonly number = ++Fake.made;
  alive = true;
  lost = false;
  pings = 0;
  async ping(): Promise<void> {
    this.pings += 1;
  }
  destroy(): void {
    this.alive = false;
  }
}

function poolOf(change: Partial<PoolOptions> = {}, open: () => Promise<Fake> = async () => new Fake()) {
  const opened: Fake[] = [];
  const pool = new Pool<Fake>({ ...options, ...change }, async () => {
    const one = await open();
    opened.push(one);
    return one;
  });
  return { pool, opened };
}

const kindOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "taken",
    (error: unknown) => (error instanceof DbError ? error.kind : String(error)),
  );

test("a connection that was given back is taken again; one past idleMax is closed", async () => {
  const { pool, opened } = poolOf();
  const [a, b] = [await pool.take(), await pool.take()];
  pool.give(a);
  pool.give(b);
  expect(opened.map((one) => one.alive)).toEqual([true, false]);
  expect(await pool.take()).toBe(a);
  expect(opened).toHaveLength(2);
});

test("past openMax takers wait in their order, past waitingMax they are refused at once", async () => {
  const { pool, opened } = poolOf();
  const [a] = [await pool.take(), await pool.take()];
  const order: number[] = [];
  const waiting = [1, 2].map((at) =>
    pool.take().then((one) => {
      order.push(at);
      pool.give(one);
    }),
  );
  expect(await kindOf(pool.take())).toBe("unavailable");
  expect(pool.waiting).toBe(2);
  pool.give(a);
  await Promise.all(waiting);
  expect(order).toEqual([1, 2]);
  expect(opened).toHaveLength(2);
});

test("who waits too long is refused, and is not served later", async () => {
  const { pool } = poolOf({ openMax: 1, waitMs: 20 });
  const held = await pool.take();
  expect(await kindOf(pool.take())).toBe("unavailable");
  pool.give(held);
  expect(await pool.take()).toBe(held);
});

test("a lost connection is replaced, and the idle ones go with it: a repeat gets a new one", async () => {
  const { pool, opened } = poolOf({ idleMax: 2 });
  const [a, b] = [await pool.take(), await pool.take()];
  pool.give(b);
  a.destroy();
  a.lost = true;
  pool.give(a);
  expect(b.alive).toBe(false);
  const next = await pool.take();
  expect([next.alive, opened.length]).toEqual([true, 3]);
});

test("a connection that was given up says nothing about the idle ones", async () => {
  const { pool } = poolOf();
  const [a, b] = [await pool.take(), await pool.take()];
  pool.give(b);
  a.destroy();
  pool.give(a);
  expect(await pool.take()).toBe(b);
});

test("a failed attempt to connect is told to one taker; the others try again", async () => {
  let tries = 0;
  const { pool } = poolOf({ openMax: 1 }, async () => {
    tries += 1;
    if (tries === 1) throw new DbError("unavailable", "refused");
    return new Fake();
  });
  expect(await Promise.all([kindOf(pool.take()), kindOf(pool.take())])).toEqual(["unavailable", "taken"]);
});

test("idle connections are pinged, and closed when they are too old or do not answer", async () => {
  const { pool, opened } = poolOf({ keepAliveMs: 5, lifetimeMs: 100 });
  const one = await pool.take();
  pool.give(one);
  while (one.pings === 0) await Bun.sleep(2);
  while (one.alive) await Bun.sleep(5);
  const silent = await pool.take();
  silent.ping = () => Promise.reject(new Error("no answer"));
  pool.give(silent);
  while (silent.alive) await Bun.sleep(2);
  expect(opened).toHaveLength(2);
  await pool.close();
});

test("closing waits for who holds a connection, and refuses everybody else", async () => {
  const { pool } = poolOf();
  const held = await pool.take();
  const closed = pool.close();
  expect(await kindOf(pool.take())).toBe("unavailable");
  pool.give(held);
  await closed;
  expect(held.alive).toBe(false);
});
