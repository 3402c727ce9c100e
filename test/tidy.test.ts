import { describe, expect, test } from "bun:test";
import { $ } from "bun";
import { breachesOf, importsOf } from "./tidy.ts";

const root = new URL("..", import.meta.url).pathname;

async function sources(): Promise<string[]> {
  const listed = await $`git ls-files --cached --others --exclude-standard -- '*.ts' '*.tsx'`.cwd(root).text();
  const generated = /^(proto|test\/conformance)\/gen\//;
  const files = listed.split("\n").filter((file) => file !== "" && !generated.test(file));
  const present = await Promise.all(files.map(async (file) => ((await Bun.file(root + file).exists()) ? file : "")));
  return present.filter((file) => file !== "");
}

describe("the tree keeps the import table", () => {
  test("no file breaks it", async () => {
    const files = await sources();
    expect(files.length).toBeGreaterThan(20);
    const breaches = await Promise.all(files.map(async (file) => breachesOf(file, await Bun.file(root + file).text())));
    expect(breaches.flat()).toEqual([]);
  });
});

describe("a planted breach is found", () => {
  const planted: readonly [name: string, file: string, source: string, rule: string][] = [
    ["a service imports another service", "gateway/http/x.ts", 'import { a } from "../../logic/start.ts";', "imports"],
    ["a service imports the schema", "logic/x.ts", 'import { users } from "#drizzle/schema.ts";', "imports"],
    ["infra imports proto", "infra/mq/x.ts", 'import { topics } from "#proto/topics.ts";', "imports"],
    ["the client imports infra", "client/x.ts", 'import type { Cache } from "#infra/cache/cache.ts";', "imports"],
    ["a driver outside its owner", "repo/store/x.ts", 'import { Database } from "bun:sqlite";', "imports"],
    ["pino outside clog", "gateway/x.ts", 'import pino from "pino";', "imports"],
    ["a package without an owner", "gateway/x.ts", 'import _ from "lodash";', "imports"],
    ["a dynamic import", "task/x.ts", 'const l = await import("../repo/start.ts");', "imports"],
    ["an import over several lines", "task/x.ts", 'import {\n  a,\n  b,\n} from "../repo/start.ts";', "imports"],
    ["a re-export", "proto/x.ts", 'export { a } from "#infra/uid/uid.ts";', "imports"],
    ["a barrel", "infra/mq/index.ts", "export const a = 1;", "no barrels"],
    ["export *", "infra/mq/x.ts", 'export * from "./mq.ts";', "no barrels"],
    ["a default export", "infra/mq/x.ts", "export default 1;", "no default exports"],
    ["an enum", "proto/x.ts", "export enum A { B }", "no enums"],
    ["a file of 401 lines", "logic/x.ts", "\n".repeat(400), "two subjects"],
    ["the environment read outside main", "logic/x.ts", "const a = process.env.PORT;", "environment"],
  ];
  for (const [name, file, source, rule] of planted) {
    test(name, () => {
      expect(breachesOf(file, source).map((breach) => breach.rule)).toEqual([rule]);
    });
  }
});

test("what the table allows is no breach", () => {
  const source = [
    'import { a } from "#infra/mq/mq.ts";',
    'import type { B } from "#proto/gen/gochat/common/v1/common_pb.ts";',
    'import { Hono } from "hono";',
    'import { c } from "./session.ts";',
  ].join("\n");
  expect(breachesOf("gateway/ws/hub.ts", source)).toEqual([]);
  expect(importsOf(source)).toHaveLength(4);
});
