import { afterAll, beforeAll, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { type ClientHttp2Session, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { StartError } from "../host/start-error.ts";
import { EchoService } from "./conformance/echo_pb.ts";
import { startGrpcServer } from "./grpc-server.ts";
import { connectErrorsOnly, rpcService, SERVICE_TOKEN_HEADER } from "./rpc.ts";
import type { RpcServer } from "./server.ts";
import { makeTlsFiles } from "./tls-testing.ts";

const services = [
  rpcService(EchoService, {
    echo: (request, context) => ({ request, traceId: context.requestHeader.get("x-peer") ?? "" }),
    fail() {
      throw new ConnectError("busy", Code.ResourceExhausted);
    },
    async *count(request) {
      for (let index = 0; index < Number(request.number); index += 1) yield { traceId: String(index) };
    },
    sleep: async (_request, { signal }) => {
      await once(signal, "abort");
      throw new ConnectError("late", Code.Aborted);
    },
  }),
];
const token = "a-service-token-of-tests";
const listener = { host: "127.0.0.1", port: 0, variable: "GRPC_PORT" };
let server: RpcServer;
beforeAll(async () => {
  server = await startGrpcServer(
    services,
    {
      ...listener,
      headers: (given, peer) => {
        const headers = new Headers(given);
        headers.set("x-peer", peer);
        return headers;
      },
    },
    { errors: connectErrorsOnly, serviceToken: { token, open: [] } },
  );
});
afterAll(() => server[Symbol.asyncDispose]());

const client = (baseUrl: string) => createClient(EchoService, createGrpcTransport({ baseUrl }));
const headers = { [SERVICE_TOKEN_HEADER]: token };

async function codeOf(call: Promise<unknown>): Promise<Code | undefined> {
  return await call.then(
    () => undefined,
    (error: unknown) => ConnectError.from(error).code,
  );
}

test("gRPC: a unary call with its headers and the address of the peer, a stream, errors by trailer", async () => {
  const echo = client(server.url);
  expect(await echo.echo({ text: "hi", number: 7n }, { headers })).toMatchObject({
    request: { text: "hi", number: 7n },
    traceId: "127.0.0.1",
  });
  const counted = await Array.fromAsync(echo.count({ number: 3n }, { headers }));
  expect(counted.map(({ traceId }) => traceId)).toEqual(["0", "1", "2"]);
  expect(await codeOf(echo.fail({}, { headers }))).toBe(Code.ResourceExhausted);
  expect(await codeOf(echo.missing({}, { headers }))).toBe(Code.Unimplemented);
});

test("gRPC: without the service token `unauthenticated`; a deadline ends the call", async () => {
  const echo = client(server.url);
  expect(await codeOf(echo.echo({ text: "hi" }))).toBe(Code.Unauthenticated);
  expect(await codeOf(echo.sleep({}, { headers, timeoutMs: 50 }))).toBe(Code.DeadlineExceeded);
});

test("a path of no service is 404, and the connection stays", async () => {
  const session: ClientHttp2Session = connect(server.url);
  for (let round = 0; round < 2; round += 1) {
    const stream = session.request({ ":path": "/nothing", ":method": "POST" });
    const [head] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(head[":status"]).toBe(404);
    stream.resume().end();
    await once(stream, "close");
  }
  session.close();
});

test("a port in use is a StartError", async () => {
  const port = Number(new URL(server.url).port);
  const second = startGrpcServer(services, { ...listener, port }, { errors: connectErrorsOnly });
  expect(await second.catch((error: unknown) => error)).toBeInstanceOf(StartError);
});

test("disposing ends with an idle connection open", async () => {
  const own = await startGrpcServer(services, listener, { errors: connectErrorsOnly });
  expect(await client(own.url).echo({ text: "x" })).toMatchObject({ request: { text: "x" } });
  await own[Symbol.asyncDispose]();
  expect(await codeOf(client(own.url).echo({ text: "x" }, { timeoutMs: 1000 }))).not.toBe(undefined);
});

test("mutual TLS: a caller without a certificate of the authority is not heard", async () => {
  const dir = await mkdtemp(join(tmpdir(), "gochat-grpc-"));
  const files = await makeTlsFiles(dir);
  const read = (path: string): string => readFileSync(path, "utf8");
  const tls = { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
  await rm(dir, { recursive: true });
  await using own = await startGrpcServer(services, { ...listener, tls }, { errors: connectErrorsOnly });
  const by = (nodeOptions: object) =>
    createClient(EchoService, createGrpcTransport({ baseUrl: own.url, nodeOptions })).echo(
      { text: "x" },
      { timeoutMs: 2000 },
    );
  expect(await by(tls)).toMatchObject({ request: { text: "x" } });
  expect(await codeOf(by({ ca: tls.ca }))).not.toBe(undefined);
});
