import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Objects, ObjectTooLargeError } from "./objects.ts";

export interface ObjectsUnderTest {
  readonly objects: Objects;
  /** Asks as a client does, with an address that was signed. */
  fetch(url: string, init?: RequestInit): Promise<Response>;
  dispose(): Promise<void>;
}

/** What a promise rejects with; undefined when it does not. */
export const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** `count` chunks of `size` bytes, each full of its number; then the end, or `error`. */
export function chunks(count: number, size: number, error?: Error): ReadableStream<Uint8Array> {
  let made = 0;
  return new ReadableStream({
    pull(controller) {
      if (made < count) controller.enqueue(new Uint8Array(size).fill(made++ % 256));
      else if (error === undefined) controller.close();
      else controller.error(error);
    },
  });
}

/** The contract of objects.ts. `create` is called once; keys of the tests do not meet. */
export function objectsConformance(name: string, create: () => Promise<ObjectsUnderTest>): void {
  describe(`objects: ${name}`, () => {
    let it: ObjectsUnderTest;
    beforeAll(async () => {
      it = await create();
    });
    afterAll(() => it.dispose());
    const rule: Rule = (title, body) =>
      test(title, () => body(it.objects, `conformance/${crypto.randomUUID()}`, it.fetch));
    objectRules(rule);
    streamRules(rule);
    rangeRules(rule);
    signedRules(rule);
  });
}

type Fetch = ObjectsUnderTest["fetch"];
type Rule = (title: string, body: (objects: Objects, key: string, fetch: Fetch) => Promise<void>) => void;

const textAt = async (objects: Objects, key: string, range?: { start: number; end: number }) => {
  const found = await objects.get(key, range);
  return found === undefined ? undefined : new Response(found.stream).text();
};

function objectRules(rule: Rule): void {
  rule("what is put is read back, with its facts", async (objects, key) => {
    const before = Math.floor(Date.now() / 1000) * 1000 - 2000;
    const put = await objects.put(key, bytesOf("hello"), { contentType: "image/png" });
    expect(put).toMatchObject({ key, size: 5, contentType: "image/png" });
    expect(put.modifiedMs).toBeWithin(before, Date.now() + 2000);
    expect(put.etag).toMatch(/^[\w-]{8,}$/);
    expect(await objects.head(key)).toEqual(put);
    const found = await objects.get(key);
    expect(found).toMatchObject({ info: put, size: 5 });
    expect(await new Response(found?.stream).text()).toBe("hello");
  });
  rule("a key that was never written is undefined; deleting it does nothing", async (objects, key) => {
    expect(await objects.head(key)).toBeUndefined();
    expect(await objects.get(key)).toBeUndefined();
    expect(await objects.get(key, { start: 0, end: 1 })).toBeUndefined();
    await objects.delete(key);
  });
  rule("the last write wins; the etag tells them apart; a deleted object is gone", async (objects, key) => {
    const first = await objects.put(key, bytesOf("first"));
    const second = await objects.put(key, bytesOf("second!"));
    expect(second.etag).not.toBe(first.etag);
    expect(await textAt(objects, key)).toBe("second!");
    await objects.delete(key);
    expect(await objects.get(key)).toBeUndefined();
  });
  rule("an object may be empty", async (objects, key) => {
    expect((await objects.put(key, new Uint8Array())).size).toBe(0);
    expect(await textAt(objects, key)).toBe("");
  });
  rule("G7: what is no key or no type is refused, before anything is touched", async (objects) => {
    for (const key of ["", "/a", "a/", "a//b", "../a", "a/../b", ".", "a b", "a\0", "ü", "a@", "x".repeat(513)]) {
      expect(await failure(objects.put(key, bytesOf("x")))).toBeInstanceOf(RangeError);
      expect(await failure((async () => objects.get(key))())).toBeInstanceOf(RangeError);
      expect(await failure((async () => objects.delete(key))())).toBeInstanceOf(RangeError);
      expect(() => objects.signUpload(key, { expiresMs: 1000 })).toThrow(RangeError);
      expect(() => objects.signDownload(key, { expiresMs: 1000 })).toThrow(RangeError);
    }
    expect(await failure(objects.put("a", bytesOf("x"), { contentType: "a/b\r\nX: y" }))).toBeInstanceOf(RangeError);
  });
  rule("health is ok", async (objects) => {
    expect(await objects.health()).toBe("ok");
  });
}

function streamRules(rule: Rule): void {
  rule("a stream of many megabytes is put and read whole", async (objects, key) => {
    const [count, size] = [150, 100_000];
    expect((await objects.put(key, chunks(count, size))).size).toBe(count * size);
    const found = await objects.get(key);
    const hash = async (stream: ReadableStream<Uint8Array> | undefined): Promise<string> => {
      const hasher = new Bun.CryptoHasher("sha1");
      for await (const chunk of stream ?? []) hasher.update(chunk);
      return hasher.digest("hex");
    };
    expect(await hash(found?.stream)).toBe(await hash(chunks(count, size)));
  });
  rule("a stream that fails leaves nothing, and its error comes through", async (objects, key) => {
    const cut = new Error("the sender went away");
    for (const count of [1, 120]) expect(await failure(objects.put(key, chunks(count, 100_000, cut)))).toBe(cut);
    expect(await objects.head(key)).toBeUndefined();
    await objects.put(key, bytesOf("kept"));
    expect(await failure(objects.put(key, chunks(1, 10, cut)))).toBe(cut);
    expect(await textAt(objects, key)).toBe("kept");
  });
  rule("G4: more bytes than allowed are refused, and nothing is kept", async (objects, key) => {
    const limit = { bytesMax: 150_000 };
    expect(await failure(objects.put(key, chunks(3, 100_000), limit))).toBeInstanceOf(ObjectTooLargeError);
    expect(await failure(objects.put(key, new Uint8Array(150_001), limit))).toBeInstanceOf(ObjectTooLargeError);
    expect(await objects.head(key)).toBeUndefined();
    expect((await objects.put(key, new Uint8Array(150_000), limit)).size).toBe(150_000);
  });
}

function rangeRules(rule: Rule): void {
  rule("a range is the bytes from its start up to its end, cut at the object's", async (objects, key) => {
    const info = await objects.put(key, bytesOf("0123456789"));
    expect(await textAt(objects, key, { start: 2, end: 5 })).toBe("234");
    expect(await textAt(objects, key, { start: 9, end: 1000 })).toBe("9");
    expect(await objects.get(key, { start: 0, end: 4 })).toMatchObject({ info, size: 4 });
    for (const range of [
      { start: 10, end: 11 },
      { start: 5, end: 5 },
      { start: -1, end: 5 },
      { start: 0.5, end: 5 },
    ])
      expect(await failure(objects.get(key, range))).toBeInstanceOf(RangeError);
  });
}

function signedRules(rule: Rule): void {
  const expiresMs = 60_000;
  rule("who has a signed address may read, also a range, until it expires", async (objects, key, fetch) => {
    await objects.put(key, bytesOf("0123456789"), { contentType: "image/png" });
    const url = objects.signDownload(key, { expiresMs });
    const whole = await fetch(url);
    expect([whole.status, await whole.text(), whole.headers.get("content-type")]).toEqual([
      200,
      "0123456789",
      "image/png",
    ]);
    const part = await fetch(url, { headers: { range: "bytes=3-4" } });
    expect([part.status, await part.text()]).toEqual([206, "34"]);
    const other = await fetch(url.replace(key, `${key}x`));
    await other.body?.cancel();
    expect(other.status).toBe(403);
    const changed = await fetch(url.replace(/(Expires=|expires=)(\d)/, "$19"));
    await changed.body?.cancel();
    expect(changed.status).toBeWithin(400, 404);
  });
  rule("with a name browsers save the object under it", async (objects, key, fetch) => {
    await objects.put(key, bytesOf("x"));
    const named = await fetch(objects.signDownload(key, { expiresMs, fileName: '报告 "1".pdf' }));
    await named.body?.cancel();
    const disposition = named.headers.get("content-disposition") ?? "";
    expect(disposition).toStartWith('attachment; filename="__ _1_.pdf"');
    expect(disposition).toEndWith("filename*=UTF-8''%E6%8A%A5%E5%91%8A%20%221%22.pdf");
  });
  rule("who has a signed address may write this key, and only write", async (objects, key, fetch) => {
    const before = Date.now();
    const upload = objects.signUpload(key, { expiresMs, contentType: "image/png", bytesMax: 100 });
    expect(upload.method).toBe("PUT");
    expect(upload.expiresAtMs).toBeWithin(before + expiresMs - 1001, Date.now() + expiresMs + 1);
    const sent = await fetch(upload.url, { method: "PUT", headers: upload.headers, body: "uploaded" });
    await sent.body?.cancel();
    expect(sent.status).toBe(200);
    expect(await objects.head(key)).toMatchObject({ size: 8, contentType: "image/png" });
    for (const [url, method] of [
      [upload.url, "GET"],
      [objects.signDownload(key, { expiresMs }), "PUT"],
    ] as const) {
      const refused = await fetch(url, { method, ...(method === "PUT" ? { body: "x" } : {}) });
      await refused.body?.cancel();
      expect(refused.status).toBe(403);
    }
    expect(await textAt(objects, key)).toBe("uploaded");
  });
  rule("an address that has expired is worth nothing", async (objects, key, fetch) => {
    await objects.put(key, bytesOf("x"));
    const url = objects.signDownload(key, { expiresMs: 1000 });
    await Bun.sleep(2100);
    const late = await fetch(url);
    await late.body?.cancel();
    expect(late.status).toBe(403);
  });
  rule("addresses live one second to seven days", async (objects, key) => {
    for (const wrong of [0, 999, -1, Number.NaN, 7 * 86_400_000 + 1]) {
      expect(() => objects.signUpload(key, { expiresMs: wrong })).toThrow(RangeError);
      expect(() => objects.signDownload(key, { expiresMs: wrong })).toThrow(RangeError);
    }
  });
}
