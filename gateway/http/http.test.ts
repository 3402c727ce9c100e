import { expect, test } from "bun:test";
import { AppError } from "#proto/errors.ts";
import { type BodyLimits, readBody, readJson } from "./body.ts";
import { compressed } from "./compress.ts";
import { createCors } from "./cors.ts";
import { traceIdOf } from "./trace.ts";

const url = "http://gateway.test/api/x";

function request(headers: Record<string, string>, method = "GET"): Request {
  return new Request(url, { method, headers });
}

test("20 §1: a socket may be opened by listed origins, by the own host, and by what is no page", () => {
  const listed = createCors(["https://chat.test"]);
  expect(listed.allows("https://chat.test", "gateway.test")).toBe(true);
  expect(listed.allows("https://gateway.test", "gateway.test")).toBe(true);
  expect(listed.allows(null, "gateway.test")).toBe(true);
  expect(listed.allows("https://evil.test", "gateway.test")).toBe(false);
  expect(listed.allows("null", "gateway.test")).toBe(false);
  expect(createCors([]).allows("https://evil.test", "gateway.test")).toBe(false);
  expect(createCors(["*"]).allows("https://evil.test", "gateway.test")).toBe(true);
});

test("10 §1: listed origins are named one by one, others get no header; a preflight is 204 either way", () => {
  const cors = createCors(["https://chat.test"]);
  const good = new Headers();
  cors.decorate(request({ Origin: "https://chat.test" }), { headers: good });
  expect(good.get("access-control-allow-origin")).toBe("https://chat.test");
  expect(good.get("vary")).toBe("Origin");
  const bad = new Headers();
  cors.decorate(request({ Origin: "https://evil.test" }), { headers: bad });
  expect([...bad]).toEqual([]);
  const ask = (origin: string) =>
    cors.preflight(request({ Origin: origin, "Access-Control-Request-Method": "PUT" }, "OPTIONS"));
  expect(ask("https://chat.test")?.headers.get("access-control-allow-methods")).toContain("PUT");
  expect([ask("https://evil.test")?.status, [...(ask("https://evil.test")?.headers ?? [])]]).toEqual([204, []]);
  expect(cors.preflight(request({ Origin: "https://chat.test" }, "OPTIONS"))).toBeUndefined();
});

async function codeOf(read: Promise<unknown>): Promise<string> {
  return read.then(
    () => "ok",
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );
}

const limits = (bytesMax: number, withinMs = 10_000): BodyLimits => ({ bytesMax, withinMs });

test("10 §1: a body that does not end in time is given up, whether its length was declared or not", async () => {
  const open = (headers: Record<string, string>): Request =>
    new Request(url, { method: "POST", headers, body: new ReadableStream({ start: (body) => body.enqueue(bytes) }) });
  const bytes = new Uint8Array(1);
  for (const headers of [{}, { "Content-Length": "2" }]) {
    expect(await codeOf(readBody(open(headers), limits(100, 20)))).toBe("TIMEOUT");
  }
});

test("10 §1: a body over the limit is refused, with and without a declared length", async () => {
  const post = (body: BodyInit): Request => new Request(url, { method: "POST", body });
  const chunks = (count: number): ReadableStream<Uint8Array> =>
    new ReadableStream({
      start(controller) {
        for (let index = 0; index < count; index += 1) controller.enqueue(new Uint8Array(100));
        controller.close();
      },
    });
  const declared = new Request(url, { method: "POST", body: "x", headers: { "Content-Length": "1001" } });
  expect(await codeOf(readBody(declared, limits(1000)))).toBe("PAYLOAD_TOO_LARGE");
  expect((await readBody(post(chunks(10)), limits(1000))).byteLength).toBe(1000);
  expect(await codeOf(readBody(post(chunks(11)), limits(1000)))).toBe("PAYLOAD_TOO_LARGE");
});

test("a body is a JSON object in UTF-8, or empty", async () => {
  const post = (body: BodyInit): Request => new Request(url, { method: "POST", body });
  expect(await readJson(post('{"a":1}'), limits(100))).toEqual({ a: 1 });
  expect(await readJson(post(""), limits(100))).toEqual({});
  for (const bad of ["[]", "1", "null", '"x"', "{", new Uint8Array([0x22, 0xff, 0x22])]) {
    expect(await codeOf(readJson(post(bad), limits(100)))).toBe("INVALID_PARAMETER");
  }
});

test("10 §1: gzip when accepted, from 1 KiB on, once", async () => {
  const answer = (size: number): Response => Response.json({ text: "x".repeat(size) });
  const packed = async (accept: string, size: number): Promise<string | null> => {
    const response = await compressed(request({ "Accept-Encoding": accept }), answer(size), 1024);
    return response.headers.get("content-encoding");
  };
  expect(await packed("gzip, br", 2000)).toBe("gzip");
  expect(await packed("br;q=1, gzip;q=0.5", 2000)).toBe("gzip");
  expect(await packed("gzip", 900)).toBeNull();
  expect(await packed("br", 2000)).toBeNull();
  expect(await packed("gzip;q=0", 2000)).toBeNull();
  const small = await compressed(request({ "Accept-Encoding": "gzip" }), answer(1), 1024);
  expect(await small.json()).toEqual({ text: "x" });
});

test("10 §1: a trace id is adopted when it is harmless, else made", () => {
  expect(traceIdOf(new Headers({ "X-Trace-ID": "abc_DEF-123" }))).toBe("abc_DEF-123");
  expect(traceIdOf(new Headers({ "X-Request-ID": "r-1" }))).toBe("r-1");
  for (const bad of ["", "a b", "x".repeat(65), "<script>"]) {
    expect(traceIdOf(new Headers({ "X-Trace-ID": bad }))).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/);
  }
});
