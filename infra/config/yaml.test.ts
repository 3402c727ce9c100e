import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "./config.ts";
import { readConfigTrees } from "./yaml.ts";

let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "gochat-config-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

test("60 §13: documents come in order of precedence; a component's file is its section", () => {
  const production = join(directory, "production");
  mkdirSync(join(production, "global"), { recursive: true });
  mkdirSync(join(production, "gateway"));
  writeFileSync(join(directory, "default.yaml"), "ws:\n  max_message_size: 64KiB\n");
  writeFileSync(join(directory, "gateway.yaml"), "ws:\n  max_connections: 10\n");
  writeFileSync(join(production, "global", "db.yaml"), "slow_threshold: 100ms\n");
  writeFileSync(join(production, "gateway", "app.json"), '{"ws": {"max_connections": 20}}');
  expect(readConfigTrees(directory, "production", ["gateway"]).map((tree) => tree.values)).toEqual([
    { ws: { max_message_size: "64KiB" } },
    { ws: { max_connections: 10 } },
    { db: { slow_threshold: "100ms" } },
    { ws: { max_connections: 20 } },
  ]);
  expect(readConfigTrees(directory, "development", ["logic"])).toHaveLength(1);
});

test("a file that is no YAML is a problem, not a crash", () => {
  writeFileSync(join(directory, "task.yaml"), "a: [1\nb: }");
  expect(() => readConfigTrees(directory, "development", ["task"])).toThrow(ConfigError);
});
