import { describe, expect, test } from "bun:test";
import { S3Client } from "bun";
import { loadConfig } from "../config/config.ts";
import { objectsSpec } from "./config.ts";
import { chunks, failure, objectsConformance } from "./conformance.ts";
import { type Objects, ObjectsUnavailableError } from "./objects.ts";
import { createS3Objects } from "./s3.ts";

const address = process.env.GOCHAT_TEST_S3;
const skipped = address === undefined ? " (skipped: needs GOCHAT_TEST_S3=http://user:password@host:port/bucket)" : "";
const url = new URL(address ?? "http://user:password@127.0.0.1:9/bucket");

function connect(endpoint: string = url.origin, change: Record<string, string> = {}): Objects {
  const flags = {
    "objects.driver": "s3",
    "objects.endpoint": endpoint,
    "objects.bucket": url.pathname.slice(1),
    "objects.access_key_id": decodeURIComponent(url.username),
    "objects.secret_access_key": decodeURIComponent(url.password),
    ...change,
  };
  const named = Object.fromEntries(Object.entries(flags).map(([key, value]) => [key.slice("objects.".length), value]));
  return createS3Objects(loadConfig(objectsSpec, { environment: "production", flags: named }).config);
}

async function removeAll(prefix: string): Promise<void> {
  const client = new S3Client({
    endpoint: url.origin,
    bucket: url.pathname.slice(1),
    region: "us-east-1",
    accessKeyId: decodeURIComponent(url.username),
    secretAccessKey: decodeURIComponent(url.password),
  });
  const found = await client.list({ prefix });
  for (const { key } of found.contents ?? []) await client.delete(key);
}

describe.skipIf(address === undefined)(`s3${skipped}`, () => {
  objectsConformance("S3", async () => {
    const objects = connect();
    return {
      objects,
      fetch: (at, init) => fetch(at, init),
      async dispose() {
        await removeAll("conformance/");
        await objects[Symbol.asyncDispose]();
      },
    };
  });

  test("wrong keys of the account are unavailable, and tell no secret", async () => {
    await using objects = connect(url.origin, { "objects.secret_access_key": "another-secret" });
    const error = await failure(objects.put("a", new Uint8Array(1)));
    expect(error).toBeInstanceOf(ObjectsUnavailableError);
    expect(String(error)).not.toContain("another-secret");
    expect(await objects.health()).toBe("down");
  });

  test("clients are given the address at which they reach the server", async () => {
    await using objects = connect(url.origin, { "objects.public_endpoint": "https://files.example" });
    expect(objects.signDownload("a", { expiresMs: 60_000 })).toStartWith("https://files.example/");
    expect(objects.signUpload("a", { expiresMs: 60_000 }).url).toStartWith("https://files.example/");
  });
});

describe("s3 that is away", () => {
  test("no server: everything is unavailable, health is down", async () => {
    await using objects = connect("http://127.0.0.1:9");
    const calls = [
      () => objects.put("a", new Uint8Array(1)),
      () => objects.put("a", chunks(2, 10)),
      () => objects.get("a"),
      () => objects.head("a"),
      () => objects.delete("a"),
    ];
    for (const call of calls) expect(await failure(call())).toBeInstanceOf(ObjectsUnavailableError);
    expect(await objects.health()).toBe("down");
  });

  test("a server that does not answer in time is unavailable", async () => {
    const never = Promise.withResolvers<Response>();
    using server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => never.promise });
    await using objects = connect(server.url.origin, { "objects.timeout": "100ms" });
    for (const call of [() => objects.head("a"), () => objects.get("a")])
      expect(String(await failure(call()))).toContain("100 ms");
    never.resolve(new Response(""));
  });
});
