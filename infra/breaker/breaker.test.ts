import { expect, test } from "bun:test";
import fc from "fast-check";
import { createMetrics } from "../metrics/metrics.ts";
import { BreakerOpenError, type BreakersOptions, createBreakers } from "./breaker.ts";

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
const broken = async (): Promise<never> => {
  throw new Error("broken");
};
const fine = async (): Promise<string> => "fine";

function setup(options: BreakersOptions = {}) {
  const clock = { nowMs: 0 };
  const states: string[] = [];
  const breakers = createBreakers(
    { onState: (_name, state) => states.push(state), ...options },
    { clock: () => clock.nowMs },
  );
  return { clock, states, breakers, breaker: breakers.get("rpc:repo/Get") };
}
const times = async (count: number, run: () => Promise<unknown>): Promise<void> => {
  for (let at = 0; at < count; at += 1) await run();
};

test("60 §1: opens after 5 consecutive failures and then makes no call", async () => {
  const { breaker } = setup();
  await times(4, () => failure(breaker.do(broken)));
  expect(await breaker.do(fine)).toBe("fine");
  await times(4, () => failure(breaker.do(broken)));
  expect(breaker.state).toBe("closed");
  expect(String(await failure(breaker.do(broken)))).toContain("broken");
  let called = false;
  const refused = await failure(
    breaker.do(async () => {
      called = true;
    }),
  );
  expect(refused).toBeInstanceOf(BreakerOpenError);
  expect(refused).toMatchObject({ breaker: "rpc:repo/Get", retryAfterMs: 60_000 });
  expect(called).toBe(false);
});

test("60 §1: after 60 s single probes pass; 2 successes close it", async () => {
  const { breaker, clock, states } = setup();
  await times(5, () => failure(breaker.do(broken)));
  clock.nowMs = 59_999;
  expect(await failure(breaker.do(fine))).toBeInstanceOf(BreakerOpenError);
  clock.nowMs = 60_000;
  expect(breaker.state).toBe("half-open");
  const gate = Promise.withResolvers<void>();
  const probe = breaker.do(() => gate.promise);
  expect(await failure(breaker.do(fine))).toBeInstanceOf(BreakerOpenError);
  gate.resolve();
  await probe;
  expect(breaker.state).toBe("half-open");
  await breaker.do(fine);
  expect(states).toEqual(["open", "half-open", "closed"]);
});

test("60 §1: one failed probe opens it again for the whole time", async () => {
  const { breaker, clock, states } = setup();
  await times(5, () => failure(breaker.do(broken)));
  clock.nowMs = 60_000;
  await breaker.do(fine);
  await failure(breaker.do(broken));
  expect(states).toEqual(["open", "half-open", "open"]);
  clock.nowMs = 119_999;
  expect(await failure(breaker.do(fine))).toBeInstanceOf(BreakerOpenError);
});

test("60 §1: business errors and cancellation count neither way, and free the probe", async () => {
  const { breaker, clock } = setup({ isFailure: (error) => !(error instanceof RangeError) });
  const business = async (): Promise<never> => {
    throw new RangeError("4xx");
  };
  await times(20, () => failure(breaker.do(business)));
  expect(breaker.state).toBe("closed");
  await times(5, () => failure(breaker.do(broken)));
  clock.nowMs = 60_000;
  await failure(breaker.do(business));
  expect(breaker.state).toBe("half-open");
  await times(2, () => breaker.do(fine));
  expect(breaker.state).toBe("closed");
  const { breaker: plain } = setup();
  await times(20, () => failure(plain.do(async () => AbortSignal.abort().throwIfAborted())));
  expect(plain.state).toBe("closed");
});

test("calls that began before it opened change nothing when they end", async () => {
  const { breaker, clock } = setup();
  const late = Promise.withResolvers<void>();
  const slow = Array.from({ length: 3 }, () => failure(breaker.do(() => late.promise)));
  await times(5, () => failure(breaker.do(broken)));
  clock.nowMs = 60_000;
  await breaker.do(fine);
  late.reject(new Error("old"));
  await Promise.all(slow);
  expect(breaker.state).toBe("half-open");
});

test("60 §1: policies are swapped at once, state stays; an unknown name takes `default`", async () => {
  const { breakers, breaker } = setup();
  await times(2, () => failure(breaker.do(broken)));
  breakers.setPolicies({
    default: { failureThreshold: 3, successThreshold: 1, openMs: 10 },
    other: { failureThreshold: 1, successThreshold: 1, openMs: 10 },
  });
  await failure(breaker.do(broken));
  expect(breaker.state).toBe("open");
  expect(() => breakers.setPolicies({ x: { failureThreshold: 0, successThreshold: 1, openMs: 1 } })).toThrow(
    RangeError,
  );
  await failure(breakers.get("other").do(broken));
  expect(breakers.get("other").state).toBe("open");
});

test("60 §1: whatever happens, an open breaker lets no call through and a half-open one at most one at a time", async () => {
  const step = fc.oneof(fc.constantFrom("ok", "fail"), fc.integer({ min: 1, max: 20 }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const { breaker, clock } = setup({
        policies: { default: { failureThreshold: 2, successThreshold: 2, openMs: 10 } },
      });
      let inside = 0;
      const running: Promise<unknown>[] = [];
      for (const each of steps) {
        if (typeof each === "number") {
          clock.nowMs += each;
          await Promise.all(running.splice(0));
          continue;
        }
        const before = breaker.state;
        running.push(
          failure(
            breaker.do(async () => {
              inside += 1;
              expect(before).not.toBe("open");
              if (before === "half-open") expect(inside).toBe(1);
              await Promise.resolve();
              inside -= 1;
              if (each === "fail") throw new Error("broken");
            }),
          ).then((error) =>
            expect(error === undefined || error instanceof BreakerOpenError || String(error) === "Error: broken").toBe(
              true,
            ),
          ),
        );
        if (before !== "half-open") await Promise.all(running.splice(0));
      }
      await Promise.all(running);
    }),
  );
});

test("60 §7: the state is shown by name", async () => {
  const metrics = createMetrics();
  const breakers = createBreakers(
    { policies: { default: { failureThreshold: 1, successThreshold: 1, openMs: 10 } } },
    { metrics },
  );
  await failure(breakers.get("db:main").do(broken));
  expect(await metrics.render()).toContain('gochat_breaker_state{name="db:main"} 2');
});
