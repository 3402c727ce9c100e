import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Process } from "#infra/host/run.ts";
import { startAll } from "../../cli/serve.ts";
import { createApi, newAccount } from "../support/api.ts";
import { openSocket, until } from "../support/socket.ts";

/** All services in this process; its configuration centre is in it too. */
describe("60 §13: settings of the configuration centre act without a restart", () => {
  let folder = "";
  let gochat: Process;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gochat-hot-"));
    const env = { APP_ENV: "test", GOCHAT_CONFIG_DIR: folder };
    const free = { port: "0", "admin.port": "0", "all.logic_port": "0", "all.repo_port": "0" };
    gochat = await startAll({ env, flags: { "data.dir": folder, "log.format": "json", ...free } });
  });
  afterAll(async () => {
    await gochat[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const set = (key: string, value: unknown): Promise<bigint> =>
    gochat.host.coord.settings.set(`/config/development/${key}`, JSON.stringify(value));
  const shownAt = async (path: string): Promise<string> => (await fetch(`${gochat.adminUrl}${path}`)).text();
  const ping = () => createApi(gochat.running.url ?? "").call("GET", "/v1/config");

  test("the rules of rate limits: within 2 s, and an invalid one changes nothing", async () => {
    const rule = { mode: "local", rate: "1/h", capacity: 3 };
    expect((await ping()).status).not.toBe(429);
    await set("gateway/ratelimit/tight", { ip_total: rule, api_default: rule });
    await until("the rule acts", async () => (await ping()).status === 429, 2000);
    await set("gateway/ratelimit/tight", { ip_total: { ...rule, capacity: -1 } });
    expect((await ping()).status).toBe(429);
    expect(await shownAt("/metrics")).toContain('gochat_config_reload_total{name="ratelimit",result="rejected"} 1');
    await set("global/ratelimit", { enabled: false });
    await until("the limits are off", async () => (await ping()).status !== 429, 2000);
    await gochat.host.coord.settings.delete("/config/development/global/ratelimit");
    await until("the limits are on", async () => (await ping()).status === 429, 2000);
    await gochat.host.coord.settings.delete("/config/development/gateway/ratelimit/tight");
    await until("the built-in rule is back", async () => (await ping()).status !== 429, 2000);
  });

  test("the policies of breakers", async () => {
    const breaker = gochat.host.breakers().get("http:test");
    const fail = () => breaker.do(() => Promise.reject(new Error("away"))).catch(() => {});
    await set("logic/breakers/http:test", { failureThreshold: 2 });
    await fail();
    expect(breaker.state).toBe("closed");
    await fail();
    expect(breaker.state).toBe("open");
  });

  test("message.max_length: at the next send", async () => {
    const api = createApi(gochat.running.url ?? "");
    const { accessToken } = await newAccount(api, "hot");
    const send = () => {
      const body = { messageType: 1, content: "too long", client_msg_id: crypto.randomUUID() };
      return api.call("POST", "/conversations/world/messages", body, accessToken);
    };
    expect(await send()).toMatchObject({ status: 201 });
    await set("logic/message", { max_length: 3 });
    await until("it acts", async () => (await send()).code === "MESSAGE_TOO_LONG", 2000);
    await set("logic/message", { max_length: 0 });
    expect((await send()).code).toBe("MESSAGE_TOO_LONG");
    await gochat.host.coord.settings.delete("/config/development/logic/message");
    await until("the default is back", async () => (await send()).status === 201, 2000);
  });

  test("ws.max_connections: at the next socket, and those that are open stay", async () => {
    const url = gochat.running.url ?? "";
    const { accessToken } = await newAccount(createApi(url), "hot");
    await using first = await openSocket(url, accessToken);
    await set("gateway/ws", { max_connections: 1 });
    await until(
      "a second one is refused",
      async () => {
        const socket = await openSocket(url, accessToken).catch(() => undefined);
        await socket?.[Symbol.asyncDispose]();
        return socket === undefined;
      },
      2000,
    );
    expect(first.socket.readyState).toBe(WebSocket.OPEN);
    await gochat.host.coord.settings.delete("/config/development/gateway/ws");
  });

  test("what counts as slow", async () => {
    const { slow } = gochat.host.metrics;
    expect({ ...slow }).toEqual({ requestMs: 500, callMs: 200 });
    await set("global/metrics", { slow_request: "2s", slow_call: "50ms" });
    await until("the thresholds are set", () => slow.requestMs === 2000 && slow.callMs === 50, 2000);
  });

  test("the level of the log; what needs a restart is only told", async () => {
    const levels: string[] = [];
    const { configure } = gochat.host.clog;
    gochat.host.clog.configure = (change) => {
      levels.push(change.level ?? "");
      configure.call(gochat.host.clog, change);
    };
    await set("global/clog", { level: "warn" });
    await until("the level is set", () => levels.at(-1) === "warn", 2000);
    await set("global/clog", { level: "nonsense" });
    await set("gateway/ws", { max_message_size: "32KiB" });
    expect(levels).toEqual(["warn"]);
    const shown = await shownAt("/debug/config");
    expect(JSON.parse(shown)).toMatchObject({
      host: { "log.level": "warn" },
      gateway: { "ws.max_message_size": "32KiB" },
    });
    expect(await shownAt("/metrics")).toContain('gochat_config_reload_total{name="config",result="rejected"} 2');
  });
});
