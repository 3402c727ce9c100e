import { expect, test } from "bun:test";
import { ConfigError, loadConfig } from "../config/config.ts";
import { coordDriver, coordSpec } from "./config.ts";

const load = (env: Record<string, string>) => loadConfig(coordSpec, { environment: "production", env }).config;

test("60 §4: COORD_ETCD_ENDPOINTS is the only variable that a container needs", () => {
  const config = load({ COORD_ETCD_ENDPOINTS: "etcd-1:2379,https://etcd-2:2379" });
  expect(config.endpoints).toEqual(["etcd-1:2379", "https://etcd-2:2379"]);
  expect(coordDriver(config)).toBe("etcd");
  expect(coordDriver(load({}))).toBe("local");
});

test("half an account, or a certificate without its key, is refused", () => {
  expect(() => load({ GOCHAT_USERNAME: "root" })).toThrow(ConfigError);
  expect(() => load({ GOCHAT_TLS_CERT_FILE: "cert.pem" })).toThrow(ConfigError);
  expect(() => load({ COORD_ETCD_ENDPOINTS: "no address" })).toThrow(ConfigError);
});
