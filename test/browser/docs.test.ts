import { expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { startServer } from "../../bench/server-process.ts";
import { createApi, newAccount } from "../support/api.ts";
import { launch } from "./people.ts";

const artifacts = new URL("../.artifacts/", import.meta.url).pathname;

test("/docs shows every endpoint, asks one with a token, and needs nothing from another origin", async () => {
  await using server = await startServer({ settings: { "ratelimit.enabled": "false" } });
  const browser = await launch();
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      const { origin, protocol } = new URL(request.url());
      if (protocol.startsWith("http") && origin !== new URL(server.url).origin) complaints.push(request.url());
    });
    const withSlash = await fetch(`${server.url}/docs/`);
    expect([withSlash.status, withSlash.headers.get("content-type")]).toEqual([200, "text/html;charset=utf-8"]);
    await page.goto(`${server.url}/docs`);
    await page.locator("#operations-users-getProfile").waitFor();
    const document = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as {
      paths: Record<string, object>;
    };
    const operations = Object.values(document.paths).flatMap((methods) => Object.keys(methods));
    expect(await page.locator(".opblock").count()).toBe(operations.length);
    await mkdir(artifacts, { recursive: true });
    await page.screenshot({ path: `${artifacts}docs.png` });

    const account = await newAccount(createApi(server.url), "reader");
    await page.getByRole("button", { name: "Authorize" }).click();
    await page.locator(".modal-ux input").fill(account.accessToken);
    await page.locator(".modal-ux").getByRole("button", { name: "Apply credentials" }).click();
    await page.locator(".modal-ux").getByRole("button", { name: "Close" }).click();
    const profile = page.locator("#operations-users-getProfile");
    await profile.locator(".opblock-summary-control").click();
    await profile.getByRole("button", { name: "Try it out" }).click();
    await profile.getByRole("button", { name: "Execute" }).click();
    await profile.locator(".live-responses-table", { hasText: account.userId }).waitFor();
    await profile.screenshot({ path: `${artifacts}docs-try.png` });
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
  }
});
