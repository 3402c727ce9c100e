import { expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chunks, failure, type ObjectsUnderTest, objectsConformance } from "./conformance.ts";
import { type DirectoryObjects, openDirectoryObjects } from "./directory.ts";
import { ObjectsUnavailableError } from "./objects.ts";

const publicUrl = "http://chat.example/api/v1/objects";

function folder(): { dir: string; [Symbol.dispose](): void } {
  const dir = mkdtempSync(join(tmpdir(), "gochat-objects-"));
  return { dir, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}

/** A server of ours in front of the objects, without a socket. */
function answer(objects: DirectoryObjects): ObjectsUnderTest["fetch"] {
  return async (url, init = {}) => {
    const request = new Request(url, init);
    const grant = objects.grant(request.method, request.url);
    if (grant === undefined) return new Response("", { status: 403 });
    if (request.method === "PUT") {
      const { contentType, bytesMax } = grant;
      await objects.put(grant.key, request.body ?? new Uint8Array(), { contentType, bytesMax });
      return new Response("");
    }
    const [, start, end] = /bytes=(\d+)-(\d+)/.exec(request.headers.get("range") ?? "") ?? [];
    const range = start === undefined ? undefined : { start: Number(start), end: Number(end) + 1 };
    const found = await objects.get(grant.key, range);
    const headers = new Headers({ "content-type": found?.info.contentType ?? "" });
    if (grant.disposition !== undefined) headers.set("content-disposition", grant.disposition);
    return new Response(found?.stream ?? "", { status: range === undefined ? 200 : 206, headers });
  };
}

objectsConformance("directory", async () => {
  const { dir, [Symbol.dispose]: remove } = folder();
  const objects = await openDirectoryObjects({ dir, publicUrl, secret: "s".repeat(32) });
  return {
    objects,
    fetch: answer(objects),
    async dispose() {
      await objects[Symbol.asyncDispose]();
      remove();
    },
  };
});

test("objects outlive the process; what a crash left unfinished is cleared", async () => {
  using place = folder();
  const options = { dir: place.dir, publicUrl, secret: "s" };
  const first = await openDirectoryObjects(options);
  const put = await first.put("a/b", chunks(3, 10));
  writeFileSync(join(place.dir, "unfinished", "half"), "x");
  await using second = await openDirectoryObjects(options);
  expect(await second.head("a/b")).toEqual(put);
  expect(readdirSync(join(place.dir, "unfinished"))).toEqual([]);
});

test("who reads while the key is written anew gets the old object to its end", async () => {
  using place = folder();
  await using objects = await openDirectoryObjects({ dir: place.dir, publicUrl, secret: "s" });
  await objects.put("a", new Uint8Array(300_000).fill(1));
  const reading = await objects.get("a");
  await objects.put("a", new Uint8Array(10).fill(2));
  const bytes = await new Response(reading?.stream).bytes();
  expect([bytes.length, bytes.every((byte) => byte === 1)]).toEqual([300_000, true]);
});

test("G7: an address of another installation, or changed in any part, is worth nothing", async () => {
  using place = folder();
  const options = { dir: place.dir, publicUrl, secret: "one" };
  await using objects = await openDirectoryObjects(options);
  await using other = await openDirectoryObjects({ ...options, dir: join(place.dir, "other"), secret: "two" });
  const { url } = objects.signUpload("a", { expiresMs: 60_000, bytesMax: 10 });
  expect(objects.grant("PUT", url)).toMatchObject({ key: "a", bytesMax: 10 });
  expect(other.grant("PUT", url)).toBeUndefined();
  for (const changed of [url.replace("bytes=10", "bytes=99"), `${url}&x=1`, url.replace("/a?", "/b?"), publicUrl, "%"])
    expect(objects.grant("PUT", changed)).toBeUndefined();
});

test.skipIf(process.getuid?.() === 0)(
  "a folder that cannot be written is unavailable (skipped for root, who may write)",
  async () => {
    using place = folder();
    await using objects = await openDirectoryObjects({ dir: place.dir, publicUrl, secret: "s" });
    chmodSync(join(place.dir, "unfinished"), 0o500);
    expect(await failure(objects.put("a", new Uint8Array(1)))).toBeInstanceOf(ObjectsUnavailableError);
  },
);

test("a folder that vanished is unavailable", async () => {
  using place = folder();
  await using objects = await openDirectoryObjects({ dir: place.dir, publicUrl, secret: "s" });
  rmSync(place.dir, { recursive: true });
  expect(await failure(objects.put("a", new Uint8Array(1)))).toBeInstanceOf(ObjectsUnavailableError);
  expect(await objects.health()).toBe("down");
  mkdirSync(place.dir);
  expect(existsSync(place.dir)).toBe(true);
});
