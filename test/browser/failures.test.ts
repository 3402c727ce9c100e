import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { type ServerProcess, startServer } from "../../bench/server-process.ts";
import { type Api, createApi, newGuest, wholeHistory } from "../support/api.ts";
import { launch, newPerson } from "./people.ts";

const settings = { "ratelimit.enabled": "false" };
let data = "";
let server: ServerProcess;
let browser: Browser;
let api: Api;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "gochat-browser-"));
  server = await startServer({ data, settings });
  browser = await launch();
  api = createApi(server.url);
});
afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await rm(data, { recursive: true, force: true });
});

describe("when something fails", () => {
  test("a refused message says so, and goes out by Try again", async () => {
    await using eve = await newPerson(browser, server.url);
    let refused = 0;
    await eve.page.routeWebSocket(/\/ws\?/, (socket) => {
      const upstream = socket.connectToServer();
      socket.onMessage((text) => {
        const frame = JSON.parse(String(text)) as { type: string; data?: { client_msg_id?: string } };
        if (frame.type !== "send-message" || refused++ > 0) {
          upstream.send(text);
          return;
        }
        const ack = { client_msg_id: frame.data?.client_msg_id, status: "failed", code: "CONTENT_REJECTED" };
        socket.send(JSON.stringify({ type: "message-ack", data: ack, timestamp: 1 }));
      });
    });
    await eve.page.reload();
    await eve.asGuest();
    await eve.say("refused at first");
    await eve.page.getByText("Not sent.").waitFor();
    await eve.screenshot("failed-send");
    await eve.page.locator(".failed").getByRole("button", { name: "Try again" }).click();
    await eve.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    expect(await eve.page.locator(".message", { hasText: "refused at first" }).count()).toBe(1);
  });

  test("4004: signed out elsewhere, the page says why and asks to sign in", async () => {
    await using ivy = await newPerson(browser, server.url);
    await ivy.register("ivy_out");
    await ivy.say("still here");
    await ivy.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    const session = await ivy.page.evaluate(() => localStorage.getItem("gochat.session") ?? "{}");
    const { accessToken } = JSON.parse(session) as { accessToken: string };
    await api.call("POST", "/auth/logout", {}, accessToken);
    await ivy.page.getByText("You were signed out. Sign in again to go on.").waitFor();
    await ivy.screenshot("signed-out");
  });

  test("4002: a guest who opens a second page goes on there, and may come back", async () => {
    await using leo = await newPerson(browser, server.url);
    await leo.asGuest();
    await leo.say("first page");
    await leo.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    const second = await leo.page.context().newPage();
    await second.goto(server.url);
    await second.locator(".message .text", { hasText: "first page" }).waitFor();
    await leo.page.bringToFront();
    await leo.page.getByText("You opened GoChat somewhere else.").waitFor();
    await leo.screenshot("replaced");
    await leo.page.getByRole("button", { name: "Use it here" }).click();
    await leo.page.locator(".connection:not(.shown)").waitFor({ state: "attached" });
    await leo.say("back on the first page");
    await leo.page.locator(".send-state", { hasText: "Sent" }).waitFor();
  });

  test("G1, G3: what is written while the server is away waits in sight, and is stored once when it is back", async () => {
    await using fay = await newPerson(browser, server.url);
    await fay.asGuest();
    await fay.say("before the stop");
    await fay.page.locator(".send-state", { hasText: "Sent" }).waitFor();
    const port = Number(new URL(server.url).port);
    await server.kill();
    await fay.page.locator(".connection.waiting").waitFor();
    await fay.say("written while away");
    await fay.page.locator(".send-state", { hasText: "Waiting for the connection" }).waitFor();
    await fay.page.getByText("1 message waits").waitFor();
    await fay.screenshot("offline");
    server = await startServer({ data, settings, port });
    await fay.page.locator(".send-state", { hasText: "Sent" }).waitFor({ timeout: 60_000 });
    await fay.page.locator(".connection.shown").waitFor({ state: "detached" });
    const reader = await newGuest(api);
    const rows = await wholeHistory(api, "world", reader.accessToken);
    expect(rows.filter((row) => row.content === "written while away").length).toBe(1);
    await fay.screenshot("online-again");
  });

  test("a page that was closed with an unsent message sends it after the reload", async () => {
    await using gus = await newPerson(browser, server.url);
    await gus.asGuest();
    await gus.page.locator(".connection:not(.shown)").waitFor({ state: "attached" });
    const port = Number(new URL(server.url).port);
    await server.kill();
    await gus.page.locator(".connection.waiting").waitFor();
    await gus.say("kept over the reload");
    server = await startServer({ data, settings, port });
    await gus.page.reload();
    await gus.sees("kept over the reload");
    await gus.page.locator(".send-state", { hasText: "Sent" }).waitFor();
  });
});
