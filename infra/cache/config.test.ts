import { expect, test } from "bun:test";
import { ConfigError, loadConfig } from "../config/config.ts";
import { cacheSpec } from "./config.ts";

const load = (environment: "development" | "production", env: Record<string, string> = {}) =>
  loadConfig(cacheSpec, { environment, env }).config;

test("60 §2: servers and prefix by environment; memory needs neither", () => {
  expect(load("development")).toMatchObject({ driver: "memory", nodes: ["localhost:6379"], prefix: "dev:" });
  expect(load("production")).toMatchObject({ nodes: ["redis:6379"], prefix: "gochat:" });
});

test("a cluster has one database; braces would put every key into one slot; a node has a port", () => {
  expect(() => load("production", { GOCHAT_MODE: "cluster", GOCHAT_DB: "1" })).toThrow(ConfigError);
  expect(() => load("production", { GOCHAT_PREFIX: "{a}:" })).toThrow(ConfigError);
  expect(() => load("production", { GOCHAT_NODES: "redis" })).toThrow(ConfigError);
});
