import { expect, test } from "bun:test";
import type { AnySection } from "#infra/config/config.ts";
import { parseDocument } from "#infra/config/yaml.ts";
import { hostSpec } from "#infra/host/config.ts";
import { loadAll } from "#infra/host/sources.ts";
import { allSpec } from "./all-in-one-spec.ts";
import { configFiles } from "./config-files.ts";
import { serviceSpecs } from "./config-specs.ts";

const root = new URL("..", import.meta.url).pathname;

test("60 §13: config/*.yaml tell every key as it is (else: bun cli/config-files.ts)", async () => {
  for (const [path, content] of configFiles()) expect(await Bun.file(root + path).text()).toBe(content);
});

test("the files change nothing; with every comment sign taken away they say the defaults of development", () => {
  const every: Record<string, AnySection> = { ...serviceSpecs, host: hostSpec, all: allSpec };
  for (const [path, content] of configFiles()) {
    expect(parseDocument(content, path) ?? null).toBeNull();
    const [, settings = ""] = content.split("\n\n");
    const values = parseDocument(settings.replaceAll(/^# /gm, ""), path);
    const trees = [{ name: path, values }];
    // Several services have a section of one name.
    const names = path === "config/default.yaml" ? ["host", "all"] : [path.slice("config/".length, -".yaml".length)];
    const specs = Object.fromEntries(Object.entries(every).filter(([name]) => names.includes(name)));
    const { configs } = loadAll(specs, { environment: "development" });
    expect(loadAll(specs, { environment: "development", trees })).toMatchObject({ configs, warnings: [] });
  }
});
