import { describe, expect, test } from "bun:test";
import { type Client, Code, type Interceptor } from "@connectrpc/connect";
import { createLogger } from "../clog/clog.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createRemoteClient, type RemoteClientOptions } from "./client.ts";
import { EchoService } from "./conformance/echo_pb.ts";
import { createEcho, rpcConformance, type SampleError, type Seen, sampleErrors } from "./conformance.ts";
import { createDirectClient } from "./direct.ts";
import { createRpcHandler, type RpcHandlerOptions } from "./handler.ts";
import { rpcService } from "./rpc.ts";
import { codeName } from "./server-metrics.ts";

function serve(options: Partial<RpcHandlerOptions> = {}) {
  const seen: Seen = { aborted: 0, calls: 0 };
  const handler = createRpcHandler([rpcService(EchoService, createEcho(seen))], { errors: sampleErrors, ...options });
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: (request) => handler(request) ?? new Response("none", { status: 404 }),
  });
  const client = (more: Partial<RemoteClientOptions> = {}): Client<typeof EchoService> =>
    createRemoteClient(EchoService, { baseUrl: `http://127.0.0.1:${server.port}`, errors: sampleErrors, ...more });
  return { seen, server, client, dispose: () => server.stop(true) };
}

rpcConformance("direct", async () => {
  const seen: Seen = { aborted: 0, calls: 0 };
  const client = createDirectClient(EchoService, createEcho(seen), { errors: sampleErrors });
  return { client, seen, dispose: async () => undefined };
});

const pass: Interceptor = (next) => (request) => next(request);

rpcConformance("direct with interceptors and metrics", async () => {
  const seen: Seen = { aborted: 0, calls: 0 };
  const options = { errors: sampleErrors, interceptors: [pass, pass], metrics: createMetrics() };
  return { client: createDirectClient(EchoService, createEcho(seen), options), seen, dispose: async () => undefined };
});

for (const protocol of ["connect", "grpc-web"] as const) {
  for (const json of [false, true]) {
    rpcConformance(`${protocol}, ${json ? "JSON" : "binary"}`, async () => {
      const { seen, client, dispose } = serve();
      return { client: client({ protocol, json }), seen, dispose };
    });
  }
}

rpcConformance("connect, binary, packed", async () => {
  const { seen, client, dispose } = serve();
  return { client: client({ gzip: true }), seen, dispose };
});

rpcConformance("connect, binary, the library's handlers", async () => {
  const { seen, client, dispose } = serve({ fastPath: false });
  return { client: client(), seen, dispose };
});

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "ok",
    (error: SampleError) => error.code,
  );

describe("rpc server", () => {
  test("spec 30 §1: without the service token every call is unauthenticated", async () => {
    const { client, seen, dispose } = serve({ serviceToken: { token: "t0ken" } });
    expect(await codeOf(client().fail({ text: "X" }))).toBe("Unauthenticated");
    expect(await codeOf(client({ caller: { service: "im-logic", token: "t0keN" } }).fail({ text: "X" }))).toBe(
      "Unauthenticated",
    );
    expect(await codeOf(client({ protocol: "grpc-web" }).fail({ text: "X" }))).toBe("Unauthenticated");
    expect(seen.calls).toBe(0);
    expect(await codeOf(client({ caller: { service: "im-logic", token: "t0ken" } }).echo({}))).toBe("ok");
    await dispose();
  });

  test("an open service answers without the token", async () => {
    const { client, dispose } = serve({ serviceToken: { token: "t", open: [EchoService.typeName] } });
    expect(await codeOf(client().echo({}))).toBe("ok");
    await dispose();
  });

  test("a message above the limit is refused", async () => {
    const { client, dispose } = serve({ messageBytesMax: 1000 });
    expect(await codeOf(client().echo({ text: "x".repeat(2000) }))).toBe("ResourceExhausted");
    await dispose();
  });

  test("a path of no method is left to others", () => {
    const handler = createRpcHandler([], { errors: sampleErrors });
    expect(handler(new Request("http://x/gochat.none/Nothing", { method: "POST" }))).toBeUndefined();
  });

  test("calls are counted by method and code", async () => {
    const metrics = createMetrics();
    const { client, dispose } = serve({ metrics });
    await client().echo({});
    await codeOf(client().fail({ text: "X" }));
    const text = await metrics.render();
    expect(text).toContain(
      'rpc_server_requests_total{service="gochat.conformance.v1.EchoService",method="Echo",code="ok"} 1',
    );
    expect(text).toContain(
      'rpc_server_requests_total{service="gochat.conformance.v1.EchoService",method="Fail",code="not_found"} 1',
    );
    await dispose();
  });

  test("60 §7: a call that took longer than the threshold is logged by its server, others are not", async () => {
    for (const how of [{}, { fastPath: false }]) {
      const metrics = createMetrics();
      const lines: Record<string, unknown>[] = [];
      const write = (line: string): void => void lines.push(JSON.parse(line));
      const clog = createLogger({ service: "im-repo", level: "info", format: "json", write });
      const { client, dispose } = serve({ ...how, metrics, clog });
      await client().echo({});
      expect(lines).toEqual([]);
      metrics.slow.callMs = 0;
      const { traceId } = await client().echo({});
      await codeOf(client().fail({ text: "X" }));
      const method = "gochat.conformance.v1.EchoService";
      const [ok, failed] = lines;
      expect(ok).toMatchObject({ level: "warn", msg: "slow call", method: `${method}/Echo`, code: "ok" });
      expect(ok).toMatchObject({ latency_ms: expect.any(Number), trace_id: traceId });
      expect(failed).toMatchObject({ msg: "slow call", method: `${method}/Fail`, code: "not_found" });
      await dispose();
    }
  });

  test("a call without a trace id gets one", async () => {
    const { client, dispose } = serve();
    expect((await client().echo({})).traceId).toMatch(/^[0-9a-f-]{36}$/);
    await dispose();
  });

  test("codes are spelled as on the wire", () => {
    expect(codeName(Code.DeadlineExceeded)).toBe("deadline_exceeded");
  });
});

describe("rpc client", () => {
  test("wrap sees the method and may repeat the call", async () => {
    const { client, seen, dispose } = serve();
    const tried: string[] = [];
    const wrapped = client({
      wrap: async (method, _signal, call) => {
        tried.push(method.name);
        await call().catch(() => undefined);
        return call();
      },
    });
    expect(await codeOf(wrapped.fail({ text: "X" }))).toBe("X");
    expect(tried).toEqual(["Fail"]);
    expect(seen.calls).toBe(2);
    await dispose();
  });
});
