import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { create, toBinary, toJsonString } from "@bufbuild/protobuf";
import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { createLogger } from "../clog/clog.ts";
import { EchoRequestSchema, EchoService } from "./conformance/echo_pb.ts";
import { createEcho, sampleErrors } from "./conformance.ts";
import { createRpcHandler, type RpcHandlerOptions } from "./handler.ts";
import { rpcService } from "./rpc.ts";

const echo = createEcho({ aborted: 0, calls: 0 });
const impl = {
  ...echo,
  echo(request: Parameters<NonNullable<typeof echo.echo>>[0], context: HandlerContext) {
    if (request.text === "metadata") {
      context.responseHeader.append("x-head", "a");
      context.responseHeader.append("x-head", "b");
      context.responseTrailer.set("x-tail", "c");
    }
    return { request, traceId: context.requestHeader.get("x-trace-id") ?? "" };
  },
};

function handlerOf(options: Partial<RpcHandlerOptions> = {}) {
  const handler = createRpcHandler([rpcService(EchoService, impl)], { errors: sampleErrors, ...options });
  return async (request: Request): Promise<Response> => (await handler(request)) ?? new Response(null, { status: 404 });
}

const text = (value: string): Uint8Array<ArrayBuffer> =>
  toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: value })) as Uint8Array<ArrayBuffer>;

interface Sent {
  readonly method?: string;
  readonly rpc?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
}

function request({ method = "POST", rpc = "Echo", headers = {}, body }: Sent): Request {
  return new Request(`http://x/${EchoService.typeName}/${rpc}`, {
    method,
    headers: { "content-type": "application/proto", "x-trace-id": "t", ...headers },
    ...(body === undefined ? {} : { body }),
  });
}

async function seen(response: Response): Promise<unknown> {
  const headers = Object.fromEntries(response.headers);
  delete headers["content-length"];
  return { status: response.status, headers, body: Buffer.from(await response.arrayBuffer()).toString("latin1") };
}

const json = { "content-type": "application/json" };
const long = "lorem ipsum ".repeat(500);
const cases: readonly [name: string, sent: Sent][] = [
  ["a binary message", { body: text("a") }],
  ["an empty message", { body: "" }],
  ["no body", {}],
  ["a JSON message", { headers: json, body: '{"text":"a","unknown":1}' }],
  [
    "JSON with a character set",
    { headers: { "content-type": "application/json; charset=utf-8" }, body: '{"text":"ä"}' },
  ],
  ["an empty JSON body", { headers: json, body: "" }],
  ["broken JSON", { headers: json, body: '{"text":' }],
  ["a broken binary message", { body: new Uint8Array([255, 255, 255]) }],
  ["header and trailer of a handler", { body: text("metadata") }],
  ["an error of a handler", { rpc: "Fail", body: text("NO_SUCH_ROW") }],
  ["an unexpected error", { rpc: "Fail", body: text("unexpected") }],
  ["a method without implementation", { rpc: "Missing", body: text("a") }],
  ["a deadline that is no number", { headers: { "connect-timeout-ms": "soon" }, body: text("a") }],
  ["a deadline of eleven digits", { headers: { "connect-timeout-ms": "12345678901" }, body: text("a") }],
  ["a packed message", { headers: { "content-encoding": "gzip" }, body: gzipSync(text(long)) as BodyInit }],
  ["a packed answer", { headers: { "accept-encoding": "br, gzip" }, body: text(long) }],
  ["an answer too small to pack", { headers: { "accept-encoding": "gzip" }, body: text("a") }],
  ["identity named", { headers: { "content-encoding": "identity", "accept-encoding": "identity" }, body: text("a") }],
  ["a compression nobody has", { headers: { "content-encoding": "br" }, body: text("a") }],
  ["what does not unpack", { headers: { "content-encoding": "gzip" }, body: text("abcdef") }],
  ["a codec nobody has", { headers: { "content-type": "application/xml" }, body: "<a/>" }],
  ["GET of a method that is not marked for it", { method: "GET" }],
  ["PUT", { method: "PUT", body: text("a") }],
];

describe("spec 30 §1: the fast path behaves as the library", () => {
  test.each(cases)("%s", async (_name, sent) => {
    const [fast, library] = await Promise.all([
      handlerOf()(request(sent)).then(seen),
      handlerOf({ fastPath: false })(request(sent)).then(seen),
    ]);
    expect(fast).toEqual(library);
  });

  test("with interceptors, in their order", async () => {
    const mark =
      (letter: string): Interceptor =>
      (next) =>
      async (call) => {
        call.header.append("x-trace-id", letter);
        const response = await next(call);
        response.header.append("x-order", letter);
        return response;
      };
    const options = { interceptors: [mark("a"), mark("b")] };
    const [fast, library] = await Promise.all([
      handlerOf(options)(request({ headers: json, body: "{}" })).then(seen),
      handlerOf({ ...options, fastPath: false })(request({ headers: json, body: "{}" })).then(seen),
    ]);
    expect(fast).toEqual(library);
    expect(fast).toMatchObject({ headers: { "x-order": "b, a" }, body: '{"request":{},"traceId":"t, a, b"}' });
  });
});

test("a deadline beyond every timer is none", async () => {
  const headers = { "connect-timeout-ms": "9999999999" };
  expect((await handlerOf()(request({ headers, body: text("a") }))).status).toBe(200);
});

describe("limits of the fast path", () => {
  const limited = handlerOf({ messageBytesMax: 1000 });
  const code = async (response: Response): Promise<unknown> => ((await response.json()) as { code: string }).code;

  test("a body whose length is told is refused before it is read", async () => {
    const sent = request({ body: text("x".repeat(2000)) });
    sent.headers.set("content-length", "2003");
    expect(await code(await limited(sent))).toBe("resource_exhausted");
    expect(sent.bodyUsed).toBe(false);
  });

  test("a body of unknown length is read no further than the limit", async () => {
    let given = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        given += 1;
        controller.enqueue(new Uint8Array(400));
      },
    });
    expect(await code(await limited(request({ body: endless })))).toBe("resource_exhausted");
    expect(given).toBeLessThan(10);
  });

  test("a message is measured unpacked", async () => {
    const body = gzipSync(text("x".repeat(100_000))) as BodyInit;
    expect(await code(await limited(request({ headers: { "content-encoding": "gzip" }, body })))).toBe(
      "resource_exhausted",
    );
  });

  test("an answer above the limit is not sent", async () => {
    const sent = request({
      headers: json,
      body: toJsonString(EchoRequestSchema, create(EchoRequestSchema, { text: "x".repeat(900) })),
    });
    expect(await code(await handlerOf({ messageBytesMax: 1000, answerBytesMax: 500 })(sent))).toBe(
      "resource_exhausted",
    );
  });
});

describe("the log of the fast path", () => {
  test("an unexpected error is logged once, a broken request not at all", async () => {
    const lines: unknown[] = [];
    const write = (line: string): void => void lines.push(JSON.parse(line));
    const handler = handlerOf({ clog: createLogger({ service: "t", level: "info", format: "json", write }) });
    await handler(request({ body: new Uint8Array([255, 255, 255]) }));
    expect(lines).toEqual([]);
    await handler(request({ rpc: "Fail", body: text("unexpected") }));
    expect(lines).toEqual([
      expect.objectContaining({ method: "gochat.conformance.v1.EchoService/Fail", trace_id: "t" }),
    ]);
  });
});
