import { afterAll, beforeAll, expect, test } from "bun:test";
import { openTown, type Town } from "./gateway-fixture.ts";
import page from "./page/index.html";

let town: Town;
beforeAll(async () => {
  town = await openTown(undefined, { "/": page });
});
afterAll(() => town[Symbol.asyncDispose]());

test("a page comes with its security headers, and its scripts and styles from this origin", async () => {
  const response = await fetch(town.url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
  expect(response.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  const text = await response.text();
  expect(text).toContain("Test page");
  // The policy forbids inline scripts, so the bundle must not have any.
  expect(text).not.toMatch(/<script(?![^>]*src=)/);
  for (const [, path = ""] of text.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const asset = await fetch(new URL(path, town.url));
    expect([path, asset.status]).toEqual([path, 200]);
    expect(asset.headers.get("cache-control")).toContain("immutable");
  }
});

test("a page answers GET and HEAD only; what is no page is 404", async () => {
  const head = await fetch(town.url, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect((await fetch(town.url, { method: "POST" })).status).toBe(405);
  expect((await fetch(`${town.url}/index.html`)).status).toBe(404);
});
