import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { account, serverNames } from "./server.ts";
import { kafkaVersions, portVariable, readInfraSettings } from "./settings.ts";
import { databases } from "./sql.ts";

interface Service {
  readonly image: string;
  readonly ports: readonly string[];
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval: string; readonly retries: number };
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, { readonly content: string }>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const text = readFileSync(join(import.meta.dir, "../../compose.yaml"), "utf8");
const compose = Bun.YAML.parse(text) as Compose;
const services = Object.entries(compose.services);
const settings = readInfraSettings("/", {}, "");

/** What a container engine would find wrong only when it starts them; `make compose-check` reads the file as an engine does. */
describe("compose.yaml", () => {
  test("has the servers that also run as processes", () => {
    expect(Object.keys(compose.services).toSorted()).toEqual([...serverNames].toSorted());
  });

  test.each(services)("%s: a pinned image, a health check, a port of loopback that its variable moves", (name, one) => {
    const image = one.image.replace(/\$\{\w+:-(.+)\}$/, "$1");
    expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-\w+)?$/);
    expect(one.healthcheck?.test[0]).toBe("CMD");
    expect(one.healthcheck?.retries).toBeGreaterThan(0);
    const known = serverNames.find((server) => server === name) ?? "redis";
    expect(one.ports).toHaveLength(1);
    expect(one.ports[0]).toStartWith(`127.0.0.1:\${${portVariable(known)}:-${settings.ports[known].number}}:`);
  });

  test("a health check asks where the server listens in its container", () => {
    for (const [name, one] of services) {
      const inside = one.ports[0]?.split(":").at(-1);
      const asked = /:(\d{4,5})/.exec(one.healthcheck?.test.join(" ") ?? "")?.[1];
      // Kafka is asked on the listener of its own container.
      if (asked !== undefined) expect([name, name === "kafka" ? "9094" : inside]).toEqual([name, asked]);
    }
  });

  test("every volume and config that is used is declared, and none is left over", () => {
    const used = services.flatMap(([, { volumes = [] }]) => volumes.map((one) => one.split(":")[0] ?? ""));
    expect(used.toSorted()).toEqual(Object.keys(compose.volumes).toSorted());
    const configs = new Set(services.flatMap(([, one]) => (one.configs ?? []).map(({ source }) => source)));
    expect([...configs].toSorted()).toEqual(Object.keys(compose.configs).toSorted());
  });

  test("the account, the databases and Kafka's version are those of the processes", () => {
    const scripts = Object.values(compose.configs).map(({ content }) => content);
    for (const database of databases) expect(scripts.join()).toContain(` ${database}`);
    expect(compose.configs["mysql-init"]?.content).toContain(
      `'${account.user}'@'%' IDENTIFIED BY '${account.password}'`,
    );
    expect(compose.services.postgres?.environment).toMatchObject({
      POSTGRES_USER: account.user,
      POSTGRES_PASSWORD: account.password,
    });
    expect(compose.services.kafka?.image).toBe(`apache/kafka:\${KAFKA_RELEASE:-${kafkaVersions["4.1"]}}`);
    expect(text.match(/\$\{\w+/g)?.every((variable) => /_PORT$|KAFKA_RELEASE$/.test(variable))).toBe(true);
  });
});
