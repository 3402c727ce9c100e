import { expect, test } from "bun:test";
import { settingsFor, socketsPerAddress, spread } from "./loopback.ts";

test("few sockets go to the address as it is, many to eight of this machine", () => {
  expect(spread(["http://127.0.0.1:80"], socketsPerAddress)).toEqual(["http://127.0.0.1:80"]);
  const many = spread(["http://127.0.0.1:8080"], socketsPerAddress + 1);
  expect([many.length, many[0], many.at(-1)]).toEqual([8, "http://127.0.0.1:8080", "http://127.0.0.8:8080"]);
  expect(spread(["http://chat.example:80"], 50_000)).toEqual(["http://chat.example:80"]);
});

test("a server listens on all addresses only where that is needed", () => {
  expect(settingsFor(1000)).toEqual({ "ws.max_connections": "1100" });
  expect(settingsFor(50_000)).toHaveProperty("hostname", "0.0.0.0");
});
