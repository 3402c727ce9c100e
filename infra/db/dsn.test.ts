import { expect, test } from "bun:test";
import { loadConfig, section } from "../config/config.ts";
import { dbSpec } from "./config.ts";
import { parseDsn } from "./dsn.ts";

test("a DSN names driver, server, account and database", () => {
  expect(parseDsn("sqlite:./data/x.db")).toEqual({ driver: "sqlite", file: "./data/x.db" });
  expect(parseDsn("mysql://ann:p%40ss@db.example/gochat")).toEqual({
    driver: "mysql",
    address: { host: "db.example", port: 3306, user: "ann", password: "p@ss", database: "gochat", tls: "off" },
  });
  expect(parseDsn("postgres://ann@[::1]:6000/gochat_dev?tls=on")).toMatchObject({
    driver: "postgres",
    address: { host: "::1", port: 6000, password: "", tls: "on" },
  });
});

test.each([
  "nonsense",
  "redis://ann:hidden@db/gochat",
  "mysql://ann:hidden@db",
  "mysql://ann:hidden@db/go;drop",
  "mysql://db/gochat",
  "postgres://ann:hidden@db/gochat?tls=maybe",
])("%p is refused without being quoted: it may hold a password", (text) => {
  expect(() => parseDsn(text)).toThrow("the DSN ");
  expect(() => parseDsn(text)).not.toThrow("hidden");
});

test("the configuration refuses a wrong DSN and a lock wait as long as a transaction", () => {
  const load = (flags: Record<string, string>) => () =>
    loadConfig(section({ db: dbSpec }), { environment: "production", flags });
  expect(load({ "db.dsn": "mysql://db" })).toThrow("names no database");
  expect(load({ "db.lock_wait": "5s" })).toThrow("lock_wait is shorter");
  expect(load({})().config.db).toMatchObject({ maxOpen: 100, maxIdle: 10, slowThreshold: 500, dsn: undefined });
});
