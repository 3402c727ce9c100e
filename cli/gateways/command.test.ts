import { expect, test } from "bun:test";
import { childCommand } from "./command.ts";

test("gateway processes that share a port take a free RPC port each, whatever the one that starts them was told", () => {
  const settings = { bridged: true, flags: { "rpc.port": "9003" }, adminPort: 9080, own: {} };
  const words = childCommand(settings, 1, 8080);
  expect(words.filter((word) => word.startsWith("rpc.port="))).toEqual(["rpc.port=0"]);
  expect(words).toContain("port=8080");
});
