import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { silentLogger } from "../clog/clog.ts";
import { StartError } from "../host/start-error.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { createRemoteClient } from "./client.ts";
import { EchoService } from "./conformance/echo_pb.ts";
import type { ClientTls } from "./http-call.ts";
import { connectErrorsOnly as errors, rpcService } from "./rpc.ts";
import { type RpcServer, startRpcServer } from "./server.ts";
import { type RpcTls, readRpcTls } from "./tls.ts";
import { makeTlsFiles } from "./tls-testing.ts";

let dir: string;
let ours: RpcTls;
let theirs: RpcTls;
let server: RpcServer;

async function made(name: string): Promise<RpcTls> {
  const files = await makeTlsFiles(join(dir, name));
  const [ca, cert, key] = await Promise.all([files.ca, files.cert, files.key].map((path) => readFile(path, "utf8")));
  return { ca: ca ?? "", cert: cert ?? "", key: key ?? "" };
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "gochat-tls-"));
  [ours, theirs] = await Promise.all([made("ours"), made("theirs")]);
  const options = { host: "127.0.0.1", port: 0, serviceToken: "token-of-services", open: [], tls: ours };
  const services = [rpcService(EchoService, { echo: (request) => ({ request }) })];
  server = startRpcServer(services, options, { errors, clog: silentLogger, metrics: createMetrics() });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

function call(tls: ClientTls | undefined, baseUrl = server.url): Promise<string | Code> {
  const caller = { service: "test", token: "token-of-services" };
  const client = createRemoteClient(EchoService, { baseUrl, errors, caller, ...(tls === undefined ? {} : { tls }) });
  return client.echo({ text: "hello" }).then(
    ({ request }) => request?.text ?? "",
    (error: unknown) => ConnectError.from(error).code,
  );
}

describe("spec 30 §1: mutual TLS between services", () => {
  test("both sides show a certificate of the same authority", async () => {
    expect(server.url).toStartWith("https://");
    expect(await call(ours)).toBe("hello");
  });

  test("a caller without a certificate, or with one of another authority, is not heard", async () => {
    expect(await call({ ca: ours.ca })).toBe(Code.Unavailable);
    expect(await call({ ...theirs, ca: ours.ca })).toBe(Code.Unavailable);
  });

  test("a server of another authority is not believed", async () => {
    expect(await call({ ...ours, ca: theirs.ca })).toBe(Code.Unavailable);
    expect(await call(undefined)).toBe(Code.Unavailable);
  });

  test("plain HTTP is not answered", async () => {
    expect(await call(undefined, server.url.replace("https", "http"))).toBe(Code.Unavailable);
  });
});

describe("the files of rpc.tls", () => {
  const files = { enabled: true, ca: "/ca", cert: "/cert", key: "/key" };
  const pem = "-----BEGIN CERTIFICATE-----";

  test("are read when it is switched on", () => {
    expect(readRpcTls({ ...files, enabled: false }, () => pem)).toBeUndefined();
    expect(readRpcTls(files, (path) => `${pem} of ${path}`)?.key).toBe(`${pem} of /key`);
  });

  test("one that is missing or holds something else ends the start, and is named", () => {
    const missing = (path: string): string => {
      if (path === "/key") throw new Error("ENOENT");
      return pem;
    };
    expect(() => readRpcTls(files, missing)).toThrow(StartError);
    expect(() => readRpcTls(files, missing)).toThrow("rpc.tls.key: /key cannot be read");
    expect(() => readRpcTls(files, () => "secret text")).toThrow("rpc.tls.ca: /ca is no PEM file");
  });
});
