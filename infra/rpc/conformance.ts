import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Client, Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { EchoRequest, EchoService } from "./conformance/echo_pb.ts";
import { type ErrorTranslator, TRACE_HEADER } from "./rpc.ts";

/** Stands for the program's error class: infra does not know the real one. */
export class SampleError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const DETAIL_HEADER = "x-sample-code";

/** Carries the code in the error's metadata, as the real translator carries its detail. */
export const sampleErrors: ErrorTranslator = {
  toConnect(error) {
    if (error instanceof ConnectError) return error;
    if (!(error instanceof SampleError)) return new ConnectError("internal", Code.Internal);
    return new ConnectError(error.message, Code.NotFound, { [DETAIL_HEADER]: error.code });
  },
  fromConnect(error) {
    const code = error.metadata.get(DETAIL_HEADER) ?? Code[error.code];
    return new SampleError(code, error.rawMessage);
  },
};

/** Filled by Sleep: what the handler saw of its caller's end. */
export interface Seen {
  aborted: number;
  calls: number;
}

export function createEcho(seen: Seen): Partial<ServiceImpl<typeof EchoService>> {
  return {
    echo: (request: EchoRequest, context: HandlerContext) => ({
      request,
      traceId: context.requestHeader.get(TRACE_HEADER) ?? "",
      timeoutMs: BigInt(Math.round(context.timeoutMs() ?? -1)),
    }),
    fail: (request: EchoRequest) => {
      seen.calls += 1;
      if (request.text === "unexpected") throw new Error("secret");
      throw new SampleError(request.text, "no such thing");
    },
    sleep: async (_request: EchoRequest, context: HandlerContext) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      context.signal.addEventListener("abort", () => {
        seen.aborted += 1;
        resolve();
      });
      await promise;
      return {};
    },
    async *count(request: EchoRequest) {
      for (let n = 0n; n < request.number; n++) yield { request: { number: n } };
      if (request.text !== "") throw new SampleError(request.text, "after the rows");
    },
  };
}

export interface RpcUnderTest {
  readonly client: Client<typeof EchoService>;
  readonly seen: Seen;
  dispose(): Promise<void>;
}

async function failure(call: Promise<unknown>): Promise<SampleError> {
  try {
    await call;
  } catch (error) {
    if (error instanceof SampleError) return error;
    throw error;
  }
  throw new Error("did not reject");
}

/** What a caller sees, whatever lies between it and the implementation. */
export function rpcConformance(name: string, start: () => Promise<RpcUnderTest>): void {
  describe(`rpc: ${name}`, () => {
    let it: RpcUnderTest;
    beforeAll(async () => {
      it = await start();
    });
    afterAll(() => it.dispose());
    messageRules(() => it);
    errorRules(() => it);
    deadlineRules(() => it);
  });
}

function messageRules(it: () => RpcUnderTest): void {
  test("a message arrives as it was sent, 64-bit integers and bytes included", async () => {
    const sent = {
      text: "世界😀",
      number: 2n ** 62n + 1n,
      data: new Uint8Array([0, 255, 7]),
      ids: [1n, 2n ** 63n],
      tags: { a: "b" },
    };
    const { request } = await it().client.echo(sent);
    expect(request).toMatchObject(sent);
  });

  test("8 MiB pass", async () => {
    const text = "x".repeat(8 * 1024 * 1024);
    expect((await it().client.echo({ text })).request?.text.length).toBe(text.length);
  });

  test("100 calls at once keep their answers apart", async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => it().client.echo({ number: BigInt(n) })));
    expect(answers.map((answer) => answer.request?.number)).toEqual(Array.from({ length: 100 }, (_, n) => BigInt(n)));
  });

  test("a header reaches the handler", async () => {
    const { traceId } = await it().client.echo({}, { headers: { [TRACE_HEADER]: "t-1" } });
    expect(traceId).toBe("t-1");
  });

  test("a stream yields its rows in order", async () => {
    const rows: bigint[] = [];
    for await (const row of it().client.count({ number: 5n })) rows.push(row.request?.number ?? -1n);
    expect(rows).toEqual([0n, 1n, 2n, 3n, 4n]);
  });
}

function errorRules(it: () => RpcUnderTest): void {
  test("the caller sees the error that the handler threw", async () => {
    expect(await failure(it().client.fail({ text: "NO_SUCH_ROW" }))).toMatchObject({
      code: "NO_SUCH_ROW",
      message: "no such thing",
    });
  });

  test("an unexpected error is internal and tells nothing", async () => {
    const error = await failure(it().client.fail({ text: "unexpected" }));
    expect(error.code).toBe("Internal");
    expect(error.message).not.toContain("secret");
  });

  test("a method without implementation is unimplemented", async () => {
    expect((await failure(it().client.missing({}))).code).toBe("Unimplemented");
  });

  test("an error after the rows of a stream arrives after them", async () => {
    const rows: unknown[] = [];
    const read = async (): Promise<void> => {
      for await (const row of it().client.count({ number: 2n, text: "LATE" })) rows.push(row);
    };
    expect((await failure(read())).code).toBe("LATE");
    expect(rows.length).toBe(2);
  });
}

function deadlineRules(it: () => RpcUnderTest): void {
  test("a deadline travels to the handler; the default is 5 s", async () => {
    const { timeoutMs } = await it().client.echo({}, { timeoutMs: 1000 });
    expect(Number(timeoutMs)).toBeWithin(1, 1001);
    expect(Number((await it().client.echo({})).timeoutMs)).toBeWithin(1001, 5001);
  });

  test("past the deadline the caller gets an answer and the handler a signal", async () => {
    const before = it().seen.aborted;
    expect((await failure(it().client.sleep({}, { timeoutMs: 30 }))).code).toBe("DeadlineExceeded");
    await until(() => it().seen.aborted > before);
  });

  test("a caller that goes away stops the handler", async () => {
    const before = it().seen.aborted;
    const away = new AbortController();
    const call = failure(it().client.sleep({}, { signal: away.signal }));
    setTimeout(() => away.abort(), 20);
    expect((await call).code).toBe("Canceled");
    await until(() => it().seen.aborted > before);
  });

  test("an aborted caller never reaches the handler", async () => {
    const before = it().seen.calls;
    expect((await failure(it().client.fail({}, { signal: AbortSignal.abort() }))).code).toBe("Canceled");
    expect(it().seen.calls).toBe(before);
  });
}

/** Polls a condition; the runner's own timeout ends it. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(2);
}
