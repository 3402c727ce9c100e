import { expect, test } from "bun:test";
import fc from "fast-check";
import { createLogger, type LoggerOptions, wantsColour } from "./clog.ts";
import { isSecretName } from "./redact.ts";

function setup(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const codes: number[] = [];
  const clog = createLogger({
    service: "gateway",
    level: "debug",
    format: "json",
    write: (line) => lines.push(line),
    clock: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6),
    exit: (code) => codes.push(code),
    ...options,
  });
  return { clog, lines, codes, last: (): Record<string, unknown> => JSON.parse(lines.at(-1) ?? "null") };
}

test("60 §3: one JSON object per line with the mandatory fields", () => {
  const { clog, lines } = setup();
  clog
    .namespace("ws")
    .namespace("session")
    .with({ trace_id: "t1" })
    .info("connected", { user_id: 12345678901234567890n, latency_ms: 3 });
  expect(lines).toEqual([
    '{"level":"info","time":"2026-01-02T03:04:05.006Z","service":"gateway","trace_id":"t1","namespace":"ws.session","user_id":"12345678901234567890","latency_ms":3,"msg":"connected"}\n',
  ]);
});

test("60 §3: any message and any fields make exactly one line of valid JSON", () => {
  const { clog, lines } = setup();
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.dictionary(fc.string(), fc.anything({ withBigInt: true, withMap: true, withSet: true, withDate: true })),
      (msg, fields) => {
        lines.length = 0;
        clog.warn(msg, fields);
        expect(lines.map((line) => line.indexOf("\n") === line.length - 1)).toEqual([true]);
        expect(JSON.parse(lines[0] ?? "")).toBeObject();
      },
    ),
  );
});

test("60 §3: below the level nothing is written; level and format are hot for every logger", () => {
  const { clog, lines } = setup({ level: "warn" });
  const child = clog.namespace("a").with({ x: 1 });
  child.info("no");
  expect(lines).toEqual([]);
  clog.configure({ level: "info", format: "pretty" });
  child.info("yes");
  child.debug("no");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("INFO: a: yes");
});

test("G7: secrets and message content are blanked at any depth, whoever puts them there", () => {
  const { clog, lines } = setup();
  const inner = {
    refresh_token: "S",
    accessToken: "S",
    Password: "S",
    content: "S",
    "push-token": "S",
    api_key: "S",
    ok: "shown",
  };
  const err = Object.assign(new Error("no", { cause: { deep: [inner] } }), { authorization: "S" });
  clog.with({ token: "S", inner }).error("x", { list: [inner], map: new Map([["password", "S"]]), err });
  expect(lines.join("")).not.toContain('"S"');
  expect(lines.join("")).toContain("shown");
  expect(["token", "refreshToken", "user_password", "JWT_SECRET"].every(isSecretName)).toBe(true);
  expect(["tokens_left", "user_id", "contents_count"].some(isSecretName)).toBe(false);
});

test("an error keeps its type, message, code, stack and causes", () => {
  const { clog, last } = setup();
  class DiskError extends Error {
    override readonly name = "DiskError";
    readonly code = "ENOSPC";
  }
  clog.error("x", { err: new DiskError("full", { cause: new RangeError("why") }) });
  expect(last().err).toMatchObject({
    type: "DiskError",
    message: "full",
    code: "ENOSPC",
    cause: { type: "RangeError", message: "why" },
  });
});

test("G4: what has no end is cut", () => {
  const { clog, lines } = setup();
  const ring: Record<string, unknown> = {};
  ring.self = ring;
  clog.info("x", { ring, long: Array.from({ length: 10_000 }, (_, at) => at), bytes: new Uint8Array(5000) });
  expect(lines.join("").length).toBeLessThan(2000);
});

test("60 §3: the caller is told when asked for", () => {
  const { clog, last } = setup({ addSource: true });
  clog.namespace("a").info("x");
  expect(last().caller).toMatch(/clog\.test\.ts:\d+$/);
});

test("60 §3: fatal writes the line, then exits with 1", () => {
  const { clog, codes, last, lines } = setup();
  clog.fatal("gone");
  expect(lines.join("").match(/"level"/g)).toHaveLength(1);
  expect([codes, last().level]).toEqual([[1], "fatal"]);
});

test("NO_COLOR is obeyed, and only a terminal gets colours", () => {
  expect([
    wantsColour({}, true),
    wantsColour({ NO_COLOR: "1" }, true),
    wantsColour({ NO_COLOR: "" }, true),
    wantsColour({}, false),
  ]).toEqual([true, false, true, false]);
  const coloured = setup({ format: "pretty", colour: true });
  coloured.clog.info("x");
  const plain = setup({ format: "pretty" });
  plain.clog.info("x");
  const colour = "\u001b[";
  expect([coloured.lines[0]?.includes(colour), plain.lines[0]?.includes(colour)]).toEqual([true, false]);
});
