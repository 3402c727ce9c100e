import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gochatCommand, type ServerProcess, startServer } from "../../bench/server-process.ts";
import { createApi, newGuest, wholeHistory } from "../support/api.ts";
import { openSocket } from "../support/socket.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gochat-start-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  code: number;
  output: string;
}

/** Runs `gochat` with these words until it ends by itself. */
async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const child = Bun.spawn([...gochatCommand(), ...args], {
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, NO_COLOR: "1", ...env },
  });
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, output: out + err };
}

describe("a start that cannot succeed says what to do", () => {
  test("a busy port: exit code 69", async () => {
    using other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
    const ended = await run(["serve", "--port", String(other.port), "--data", join(folder, "busy")]);
    expect(ended.code).toBe(69);
    expect(ended.output).toContain(`Port ${other.port} on 127.0.0.1 is in use`);
    expect(ended.output).toContain("PORT");
  });

  test("a data folder that cannot be written: exit code 73", async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "");
    const ended = await run(["serve", "--port", "0", "--data", join(file, "data")]);
    expect(ended.code).toBe(73);
    expect(ended.output).toContain("cannot be written");
    expect(ended.output).toContain("--data");
  });

  test("a data folder that another process uses: exit code 73", async () => {
    const data = join(folder, "shared");
    await using _ = await startServer({ data });
    const ended = await run(["serve", "--port", "0", "--data", data]);
    expect(ended.code).toBe(73);
    expect(ended.output).toContain("Another GoChat uses this data folder");
  });

  test("a wrong configuration: exit code 78 with every problem at once", async () => {
    const config = join(folder, "config");
    await mkdir(config);
    await writeFile(join(config, "default.yaml"), "ws:\n  max_message_size: 3 apples\n");
    const ended = await run(["serve", "--port", "70000", "--set", "ws.max_connections=0"], {
      GOCHAT_CONFIG_DIR: config,
      LOG_LEVEL: "loud",
    });
    expect(ended.code).toBe(78);
    const problems = [
      'port = "70000" (from flag --port)',
      'ws.max_connections = "0"',
      'ws.max_message_size = "3 apples"',
      'log.level = "loud" (from variable LOG_LEVEL)',
    ];
    for (const key of problems) expect(ended.output).toContain(key);
    expect(ended.output).toContain("0…65535");
  });

  test.each([[["fly"]], [["serve", "moon"]], [["bench", "moon"]], [["bench", "world", "--conns", "many"]]])(
    "a wrong command line %p: exit code 64",
    async (args) => {
      const ended = await run(args);
      expect(ended.code).toBe(64);
      expect(ended.output.length).toBeGreaterThan(10);
    },
  );
});

describe("a start that succeeds", () => {
  test("two installations side by side need another port and another data folder only", async () => {
    const servers: ServerProcess[] = [await startServer(), await startServer()];
    for (const server of servers) {
      const guest = await newGuest(createApi(server.url));
      await using socket = await openSocket(server.url, guest.accessToken);
      socket.send("send-message", { conversationId: "world", content: "hi", messageType: 1, client_msg_id: "1" });
      expect((await socket.next("message-ack")).data).toMatchObject({ status: "success", seqId: 1 });
    }
    for (const server of servers) expect(await server.stop()).toBe(0);
  });

  test("G8 polite stop: SIGTERM under load ends with exit code 0, and nothing that was acked is lost", async () => {
    const data = join(folder, "stop");
    const first = await startServer({ data, settings: { "ratelimit.enabled": "false", "ws.drain": "200ms" } });
    const guest = await newGuest(createApi(first.url));
    const socket = await openSocket(first.url, guest.accessToken);
    for (let n = 0; n < 300; n += 1)
      socket.send("send-message", {
        conversationId: "world",
        content: `m${n}`,
        messageType: 1,
        client_msg_id: `m${n}`,
      });
    await socket.next("message-ack");
    expect(await first.stop()).toBe(0);
    expect(await socket.closed).toBe(1001);
    const acked = socket.frames.filter((frame) => frame.type === "message-ack" && frame.data.status === "success");
    expect(acked.length).toBeGreaterThan(0);
    await using second = await startServer({ data });
    const rows = new Map(
      (await wholeHistory(createApi(second.url), "world", guest.accessToken)).map((row) => [row.clientMsgId, row]),
    );
    for (const { data: ack } of acked)
      expect(rows.get(String(ack.client_msg_id))).toMatchObject({ id: ack.messageId, seqId: ack.seqId });
  });

  test("health, liveness, readiness and metrics are on the admin port, health alone on the public one", async () => {
    const port = await freePort();
    await using _ = await startServer({ port: await freePort(), settings: { "admin.port": String(port) } });
    const admin = `http://127.0.0.1:${port}`;
    expect(await (await fetch(`${admin}/health`)).json()).toMatchObject({ status: "ok", service: "gochat" });
    expect((await fetch(`${admin}/healthz`)).status).toBe(200);
    expect((await fetch(`${admin}/readyz`)).status).toBe(200);
    const metrics = await (await fetch(`${admin}/metrics`)).text();
    for (const name of ["gochat_ws_connections", "http_requests_total", "gochat_mq_produce_total", "process_cpu"])
      expect(metrics).toContain(name);
    expect(JSON.stringify(await (await fetch(`${admin}/debug/config`)).json())).not.toContain("service-token");
    expect((await fetch(`${_.url}/health`)).status).toBe(200);
    expect((await fetch(`${_.url}/metrics`)).status).toBe(404);
  });
});

async function freePort(): Promise<number> {
  const probe = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const port = probe.port ?? 0;
  await probe.stop(true);
  return port;
}
