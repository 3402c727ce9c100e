import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { CoordUnavailableError } from "#infra/coord/coord.ts";
import { createLocalCoord, createLocalRealm } from "#infra/coord/local.ts";
import { UsageError } from "./command-line.ts";
import { configCommand } from "./config-command.ts";
import type { ConfigIo } from "./config-io.ts";

/** A folder of configuration files, a configuration centre in memory, and what the command said. */
function setUp(files: Readonly<Record<string, string>> = {}, answer?: boolean) {
  const folder = mkdtempSync(join(tmpdir(), "gochat-config-"));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const realm = createLocalRealm();
  const coord = createLocalCoord({ realm });
  const said: string[] = [];
  const asked: string[] = [];
  const io: ConfigIo = {
    env: { APP_ENV: "development", GOCHAT_CONFIG_DIR: folder },
    print: (line) => said.push(line),
    ask:
      answer === undefined
        ? undefined
        : async (question) => {
            asked.push(question);
            return answer;
          },
    connect: async () => createLocalCoord({ realm }),
  };
  return {
    settings: coord.settings,
    asked,
    async run(...args: string[]) {
      said.length = 0;
      const code = await configCommand(args, io);
      return { code, said: said.join("\n") };
    },
    held: async () => Object.fromEntries((await coord.settings.list("/")).map(({ key, value }) => [key, value])),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

describe("gochat config set, get, delete", () => {
  test("a key of a section is a part of its document; the other parts stay", async () => {
    using it = setUp();
    expect(await it.run("set", "ws.max_connections", "1000", "--service", "gateway")).toEqual({
      code: 0,
      said: "/config/development/gateway/ws\n  + max_connections: 1000",
    });
    await it.run("set", "ws.drain", "5s", "--service", "gateway");
    expect((await it.run("set", "ws.max_connections", "2000", "--service", "gateway")).said).toContain("- max_conn");
    expect(await it.held()).toEqual({
      "/config/development/gateway/ws": '{"max_connections":2000,"drain":"5s"}',
    });
    expect(await it.run("get", "ws.drain", "--service", "gateway")).toEqual({ code: 0, said: '"5s"' });
    await it.run("delete", "ws.max_connections", "--service", "gateway");
    await it.run("delete", "ws.drain", "--service", "gateway");
    expect(await it.held()).toEqual({});
    expect((await it.run("get", "ws.drain", "--service", "gateway")).code).toBe(1);
  });
  test("60 §3: the section log is the component clog; keys of no section are in app; environments are apart", async () => {
    using it = setUp();
    await it.run("set", "log.level", "debug");
    await it.run("set", "port", "8081", "--service", "gateway", "--env", "prod");
    expect(await it.held()).toEqual({
      "/config/development/global/clog": '{"level":"debug"}',
      "/config/production/gateway/app": '{"port":8081}',
    });
    expect((await it.run("get")).said).toBe('/config/development/global/clog {"level":"debug"}');
  });
  test("whole documents: rules of limits and policies of breakers", async () => {
    using it = setUp();
    const rules = "{user_send_message: {mode: local, rate: 5/s, capacity: 10}}";
    expect((await it.run("set", "gateway/ratelimit/limits", rules)).code).toBe(0);
    expect((await it.run("set", "/config/development/logic/breakers/rpc:repo/Get", "{failureThreshold: 3}")).code).toBe(
      0,
    );
    expect(await it.held()).toEqual({
      "/config/development/gateway/ratelimit/limits":
        '{"user_send_message":{"mode":"local","rate":"5/s","capacity":10}}',
      "/config/development/logic/breakers/rpc:repo/Get": '{"failureThreshold":3}',
    });
  });
  test("60 §13: what the specs do not allow is not written: exit code 78", async () => {
    using it = setUp();
    const wrong: readonly (readonly [string, string, string?])[] = [
      ["log.level", "loud"],
      ["log.nonsense", "1"],
      ["nonsense", "1"],
      ["ws.max_connections", "0", "gateway"],
      ["commit.items_max", "5", "gateway"],
      ["db.dsn", "mysql://u:p@h/d"],
      ["gateway/ratelimit/limits", "{a: {mode: local, rate: 0, capacity: 1}}"],
      ["gateway/breakers/x", "{failureThreshold: 0}"],
      ["gateway/other/x", "{}"],
    ];
    for (const [key, value, service = "global"] of wrong) {
      const { code, said } = await it.run("set", key, value, "--service", service);
      expect({ key, code }).toEqual({ key, code: 78 });
      expect(said).toContain("nothing was written");
      expect(said).not.toContain("mysql://");
    }
    expect(await it.held()).toEqual({});
  });
  test("--dry-run tells what would be written", async () => {
    using it = setUp();
    expect((await it.run("set", "log.level", "debug", "--dry-run")).said).toContain('+ level: "debug"');
    expect(await it.held()).toEqual({});
  });
});

describe("gochat config sync, diff", () => {
  const files = {
    "default.yaml": "log: {level: error}",
    "development/global/clog.yaml": "level: warn",
    "development/gateway/ws.yml": "# of one service\nmax_connections: 100\ndrain: 5s",
    "development/gateway/ratelimit/limits.json": '{"search": {"mode": "local", "rate": "1/s", "capacity": 2}}',
    "development/logic/app.yaml": "# nothing but comments",
    "production/global/clog.yaml": "level: info",
  };
  const written = {
    "/config/development/gateway/ratelimit/limits": '{"search":{"mode":"local","rate":"1/s","capacity":2}}',
    "/config/development/gateway/ws": '{"max_connections":100,"drain":"5s"}',
    "/config/development/global/clog": '{"level":"warn"}',
  };
  test("the files of one environment are written; what is the same or only in the centre stays", async () => {
    using it = setUp(files);
    await it.settings.set("/config/development/global/clog", "level: warn");
    await it.settings.set("/config/development/repo/commit", '{"items_max":5}');
    const before = await it.settings.get("/config/development/global/clog");
    expect(await it.run("diff")).toMatchObject({ code: 1 });
    const { code, said } = await it.run("sync", "--force");
    expect(code).toBe(0);
    expect(said).toContain('/config/development/gateway/ws\n  + max_connections: 100\n  + drain: "5s"');
    expect(said).toContain("/config/development/repo/commit is in the centre only");
    expect(said).toContain("2 documents written");
    expect(await it.held()).toEqual({
      ...written,
      "/config/development/global/clog": "level: warn",
      "/config/development/repo/commit": '{"items_max":5}',
    });
    expect(await it.settings.get("/config/development/global/clog")).toEqual(before);
    expect(await it.run("diff")).toMatchObject({ code: 0 });
    expect(await it.run("sync")).toMatchObject({ code: 0 });
  });
  test("--dry-run writes nothing; another environment has its own files", async () => {
    using it = setUp(files);
    expect((await it.run("sync", "--dry-run")).said).toContain("+ max_connections: 100");
    expect(await it.held()).toEqual({});
    await it.run("sync", "production", "--force");
    expect(await it.held()).toEqual({ "/config/production/global/clog": '{"level":"info"}' });
  });
  test("it asks; without a terminal it wants --force", async () => {
    using no = setUp(files, false);
    expect((await no.run("sync")).code).toBe(1);
    expect(no.asked).toEqual(["Write 3 documents for development?"]);
    expect(await no.held()).toEqual({});
    using yes = setUp(files, true);
    expect((await yes.run("sync")).code).toBe(0);
    expect(await yes.held()).toEqual(written);
    using nobody = setUp(files);
    expect(await nobody.run("sync").catch((error: unknown) => error)).toBeInstanceOf(UsageError);
  });
  test("one wrong file, and nothing is written; every fault is told: exit code 78", async () => {
    using it = setUp({
      ...files,
      "development/gateway/http.yaml": "body_bytes_max: -1\nnonsense: 1",
      "development/global/broken.yaml": "a: [",
      "development/nobody/ws.yaml": "drain: 5s",
      "development/global/db.yaml": "dsn: mysql://user:secret@host/db",
    });
    const { code, said } = await it.run("sync", "--force");
    expect(code).toBe(78);
    for (const file of ["http.yaml: http.body_bytes_max = -1", "broken.yaml", "nobody/ws.yaml", "db.yaml: db.dsn"])
      expect(said).toContain(file);
    expect(said).not.toContain("user:secret");
    expect(await it.held()).toEqual({});
  });
});

test("an unknown word, a wrong environment, too many words: usage", async () => {
  using it = setUp();
  for (const args of [["nonsense"], ["set", "a"], ["diff", "mars"], ["get", "a", "b"], ["set", "a/b", "1"], ["--what"]])
    expect(await it.run(...args).catch((error: unknown) => error)).toBeInstanceOf(UsageError);
  expect((await it.run()).said).toContain("ws.max_connections");
});

test("a centre that is away: exit code 69, and where to look", async () => {
  const said: string[] = [];
  const io: ConfigIo = {
    env: {},
    print: (line) => said.push(line),
    ask: undefined,
    connect: () => Promise.reject(new CoordUnavailableError("no answer of localhost:2379")),
  };
  expect(await configCommand(["get"], io)).toBe(69);
  expect(said.join()).toContain("localhost:2379");
});
