import { describe, expect, test } from "bun:test";
import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type BreakerPolicies, createBreakers } from "../breaker/breaker.ts";
import { EchoService } from "./conformance/echo_pb.ts";
import { createResilience, rpcFailure } from "./resilience.ts";
import { connectErrorsOnly, type ErrorTranslator } from "./rpc.ts";

const { echo } = EchoService.method;
const idempotent: DescMethod = { ...echo, idempotency: MethodOptions_IdempotencyLevel.IDEMPOTENT };
const failing = (code: Code): ConnectError => new ConnectError("no", code);

function setup(policies: BreakerPolicies = {}, errors: ErrorTranslator = connectErrorsOnly) {
  let nowMs = 0;
  const waits: number[] = [];
  const given: (number | undefined)[] = [];
  const breakers = createBreakers({ policies, isFailure: rpcFailure(errors) }, { clock: () => nowMs });
  const wrap = createResilience({
    errors,
    breakers,
    clock: () => nowMs,
    random: () => 0.5,
    sleep: async (ms) => {
      waits.push(ms);
      nowMs += ms;
    },
  });
  /** A call that takes `tookMs` and fails with the codes, one after the other, then succeeds. */
  const call = (codes: Code[], tookMs = 0) => {
    const left = [...codes];
    return async (timeoutMs?: number): Promise<string> => {
      given.push(timeoutMs);
      nowMs += tookMs;
      const code = left.shift();
      if (code !== undefined) throw failing(code);
      return "done";
    };
  };
  return { wrap, call, waits, given, breakers };
}

const codeOf = (call: Promise<unknown>): Promise<Code | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );

describe("spec 30 §1: retries", () => {
  test.each([Code.Unavailable, Code.DeadlineExceeded, Code.Aborted])(
    "code %d is tried 3 times, 100 ms × 2 apart",
    async (code) => {
      const { wrap, call, waits, given } = setup();
      expect(await codeOf(wrap(idempotent, undefined, call([code, code, code]), 5000))).toBe(code);
      expect(given.length).toBe(3);
      expect(waits).toEqual([100, 200]);
    },
  );

  test("a success after a failure is the answer", async () => {
    const { wrap, call } = setup();
    expect(await wrap(idempotent, undefined, call([Code.Unavailable]), 5000)).toBe("done");
  });

  test("a method that is not marked idempotent is never repeated", async () => {
    const { wrap, call, given } = setup();
    expect(await codeOf(wrap(echo, undefined, call([Code.Unavailable]), 5000))).toBe(Code.Unavailable);
    expect(given.length).toBe(1);
  });

  test.each([Code.NotFound, Code.Internal, Code.Unauthenticated])("code %d is never repeated", async (code) => {
    const { wrap, call, given } = setup();
    expect(await codeOf(wrap(idempotent, undefined, call([code]), 5000))).toBe(code);
    expect(given.length).toBe(1);
  });

  test("an `aborted` that the other side decided (VERSION_CONFLICT) is not repeated, another one is", async () => {
    const decided = failing(Code.Aborted);
    const { wrap, given } = setup({}, { ...connectErrorsOnly, isDecided: (error) => error === decided });
    const call = (error: ConnectError) => async (timeoutMs?: number) => {
      given.push(timeoutMs);
      throw error;
    };
    expect(await codeOf(wrap(idempotent, undefined, call(decided), 5000))).toBe(Code.Aborted);
    expect(given.length).toBe(1);
    expect(await codeOf(wrap(idempotent, undefined, call(failing(Code.Aborted)), 5000))).toBe(Code.Aborted);
    expect(given.length).toBe(4);
  });

  test("each attempt gets what is left of the caller's time", async () => {
    const { wrap, call, given } = setup();
    await wrap(idempotent, undefined, call([Code.Unavailable, Code.Unavailable], 1000), 5000);
    expect(given).toEqual([5000, 3900, 2700]);
  });

  test("no wait goes past the deadline: the error that is known is the answer", async () => {
    const { wrap, call, waits, given } = setup();
    expect(await codeOf(wrap(idempotent, undefined, call([Code.Unavailable], 950), 1000))).toBe(Code.Unavailable);
    expect(given.length).toBe(1);
    expect(waits).toEqual([]);
  });

  test("a caller that goes away ends the repeats", async () => {
    const { wrap, given } = setup();
    const away = new AbortController();
    const call = async (timeoutMs?: number): Promise<string> => {
      given.push(timeoutMs);
      away.abort();
      throw failing(Code.Unavailable);
    };
    expect(await codeOf(wrap(idempotent, away.signal, call, 5000))).toBe(Code.Canceled);
    expect(given.length).toBe(1);
  });
});

describe("spec 60 §1: breaker(retry(call))", () => {
  const policies = { default: { failureThreshold: 2, successThreshold: 1, openMs: 1000 } };

  test("three failed attempts are one failure of the breaker; an open one is unavailable and calls nobody", async () => {
    const { wrap, call, given } = setup(policies);
    const down = [Code.Unavailable, Code.Unavailable, Code.Unavailable];
    await codeOf(wrap(idempotent, undefined, call(down), 5000));
    await codeOf(wrap(idempotent, undefined, call(down), 5000));
    expect(given.length).toBe(6);
    expect(await codeOf(wrap(idempotent, undefined, call([]), 5000))).toBe(Code.Unavailable);
    expect(given.length).toBe(6);
  });

  test("one breaker per service and method", async () => {
    const { wrap, call, breakers } = setup(policies);
    const failed = { ...EchoService.method.fail };
    for (let n = 0; n < 2; n += 1) await codeOf(wrap(failed, undefined, call([Code.Internal]), 5000));
    expect(breakers.get("rpc:gochat.conformance.v1.EchoService/Fail").state).toBe("open");
    expect(await wrap(echo, undefined, call([]), 5000)).toBe("done");
  });

  test.each([Code.NotFound, Code.ResourceExhausted, Code.Canceled, Code.FailedPrecondition])(
    "code %d says nothing about the other side's health",
    async (code) => {
      const { wrap, call } = setup(policies);
      for (let n = 0; n < 5; n += 1) expect(await codeOf(wrap(echo, undefined, call([code]), 5000))).toBe(code);
      expect(await wrap(echo, undefined, call([]), 5000)).toBe("done");
    },
  );
});
