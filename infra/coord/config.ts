import { type ConfigOf, section } from "../config/config.ts";
import { bool, duration, list, oneOf, secret, string } from "../config/keys.ts";

/** Where processes find each other (spec 60 §4). */
export const coordSpec = section(
  {
    driver: oneOf(["local", "etcd"], {
      default: undefined,
      doc: "local: within this process; etcd: between processes; unset: etcd where endpoints are given",
    }),
    endpoints: list({
      default: undefined,
      itemsMin: 1,
      pattern: /^(?:https?:\/\/)?(?:\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?$/,
      form: "host:port or http(s)://host:port",
      env: "COORD_ETCD_ENDPOINTS",
      doc: "servers of etcd; unset and driver etcd: localhost:2379",
    }),
    prefix: string({
      default: "",
      lengthMin: 0,
      lengthMax: 200,
      doc: "begins every key; tells several installations on one etcd apart",
    }),
    username: string({ default: undefined, doc: "user of etcd" }),
    password: secret({ default: undefined, doc: "password of etcd" }),
    tls: bool({ default: false, doc: "TLS to endpoints that name no scheme" }),
    tlsCaFile: string({ default: undefined, doc: "certificates that are trusted, PEM; unset: the system's" }),
    tlsCertFile: string({ default: undefined, doc: "our certificate, PEM, where etcd asks for one" }),
    tlsKeyFile: string({ default: undefined, doc: "the key of our certificate, PEM" }),
    timeout: duration({ default: 3000, min: 100, max: 15_000, doc: "an answer is waited for no longer" }),
    startWait: duration({ default: 60_000, min: 0, max: 600_000, doc: "how long a start waits for etcd" }),
  },
  (values) => {
    if ((values.username === undefined) !== (values.password === undefined))
      return "coord.username and coord.password both, or neither";
    return (values.tlsCertFile === undefined) === (values.tlsKeyFile === undefined)
      ? undefined
      : "coord.tls_cert_file and coord.tls_key_file both, or neither";
  },
);

export type CoordConfig = ConfigOf<typeof coordSpec>;

/** The driver that the settings mean. */
export function coordDriver(config: Pick<CoordConfig, "driver" | "endpoints">): "local" | "etcd" {
  return config.driver ?? (config.endpoints === undefined ? "local" : "etcd");
}
