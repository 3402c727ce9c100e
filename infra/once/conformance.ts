import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { IdempotencyConflictError, type Once, OnceTimeoutError } from "./once.ts";

export interface OnceUnderTest {
  /** Two processes; the same object in mode `local`. */
  readonly one: Once;
  readonly two: Once;
  /** Lets `ms` pass for the store. */
  advance(ms: number): Promise<void>;
  /** Makes the callers that wait from now on believe that `onceWaitMs` passed. */
  expireWaits(): void;
  dispose(): Promise<void>;
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const ttlMs = 60_000;

/** An operation that has begun before the next step of a test and ends when the test says so: two processes meet in no order of their own. */
function held<T>() {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<T>();
  const fn = (): Promise<T> => {
    begun.resolve();
    return end.promise;
  };
  return { fn, begun: begun.promise, finish: end.resolve, fail: end.reject };
}

/** The contract of once.ts. */
export function onceConformance(name: string, create: () => Promise<OnceUnderTest>): void {
  describe(`once: ${name}`, () => {
    let it: OnceUnderTest;
    let run = 0;
    beforeAll(async () => {
      it = await create();
    });
    afterAll(() => it.dispose());
    const rule = (title: string, body: (key: string) => Promise<void>): void =>
      test(title, () => {
        run += 1;
        return body(`test:rule:${run}`);
      });

    rule("60 §9: the operation runs once; its value is answered to all", async (key) => {
      let runs = 0;
      const fn = async () => {
        runs += 1;
        return { id: "7", list: [1, null] };
      };
      const first = await it.one.execute(key, { ttlMs }, fn);
      expect(await it.two.execute(key, { ttlMs }, fn)).toEqual(first);
      expect(await it.one.do(`${key}:do`, { ttlMs }, async () => {})).toBe(true);
      expect(await it.two.do(`${key}:do`, { ttlMs }, async () => {})).toBe(false);
      expect(runs).toBe(1);
    });
    rule("60 §9: concurrent callers: one runs, the others get its result", async (key) => {
      let runs = 0;
      const fn = async () => {
        runs += 1;
        await Bun.sleep(5);
        return runs;
      };
      const values = await Promise.all(
        Array.from({ length: 20 }, (_, at) => (at % 2 === 0 ? it.one : it.two).execute(key, { ttlMs }, fn)),
      );
      expect(new Set(values)).toEqual(new Set([1]));
      expect(runs).toBe(1);
    });
    rule("60 §9: a failure removes the mark, so a retry runs, and so does one that waited", async (key) => {
      const operation = held<string>();
      const failing = failure(it.one.execute(key, { ttlMs }, operation.fn));
      await operation.begun;
      const waiting = it.two.execute(key, { ttlMs }, async () => "second");
      operation.fail(new Error("broken"));
      expect(String(await failing)).toContain("broken");
      expect(await waiting).toBe("second");
      expect(await it.one.execute(key, { ttlMs }, async () => "third")).toBe("second");
    });
    rule("60 §9: the same key with another body is a conflict, whether it runs or is done", async (key) => {
      const operation = held<string>();
      const first = it.one.execute(key, { ttlMs, fingerprint: "a" }, operation.fn);
      await operation.begun;
      const other = () => failure(it.two.execute(key, { ttlMs, fingerprint: "b" }, async () => "other"));
      expect(await other()).toBeInstanceOf(IdempotencyConflictError);
      operation.finish("x");
      await first;
      expect(await other()).toBeInstanceOf(IdempotencyConflictError);
      expect(await it.two.execute(key, { ttlMs, fingerprint: "a" }, async () => "again")).toBe("x");
    });
    rule(
      "60 §9: the result is forgotten after its time, or when cleared; a running one is not cleared",
      async (key) => {
        expect(await it.one.execute(key, { ttlMs: 200 }, async () => 1)).toBe(1);
        await it.advance(201);
        expect(await it.one.execute(key, { ttlMs }, async () => 2)).toBe(2);
        await it.two.clear(key);
        await it.two.clear(key);
        const operation = held<number>();
        const running = it.one.execute(key, { ttlMs }, operation.fn);
        await operation.begun;
        await it.two.clear(key);
        const waiting = it.two.execute(key, { ttlMs }, async () => 4);
        operation.finish(3);
        expect(await Promise.all([running, waiting])).toEqual([3, 3]);
      },
    );
    rule("60 §9: a waiting caller ends with its signal", async (key) => {
      const operation = held<void>();
      const running = it.one.do(key, { ttlMs }, operation.fn);
      await operation.begun;
      const stop = new AbortController();
      const waiting = failure(it.two.do(key, { ttlMs, signal: stop.signal }, async () => {}));
      stop.abort(new Error("enough"));
      expect(String(await waiting)).toContain("enough");
      operation.finish();
      await running;
    });
    rule("60 §9: a waiting caller gives up after 5 s", async (key) => {
      const operation = held<void>();
      const running = it.one.do(key, { ttlMs }, operation.fn);
      await operation.begun;
      const waiting = failure(it.two.do(key, { ttlMs }, async () => {}));
      it.expireWaits();
      expect(await waiting).toBeInstanceOf(OnceTimeoutError);
      operation.finish();
      await running;
    });
  });
}
