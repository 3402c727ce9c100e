import { expect, test } from "bun:test";
import { section } from "../config/config.ts";
import { int } from "../config/keys.ts";
import { loadAll } from "./sources.ts";

test("60 §13: a key is unknown when no spec knows it, also within a group that only some know", () => {
  const key = int({ default: 1, min: 0, max: 9, doc: "one" });
  const specs = { one: section({ log: section({ level: key }) }), two: section({ ws: section({ drain: key }) }) };
  const values = { log: { level: 2, lvl: 3 }, ws: { drain: 1 }, wss: { drain: 1 } };
  const { configs, warnings } = loadAll(specs, { environment: "production", trees: [{ name: "f", values }] });
  expect(configs.one.log.level).toBe(2);
  expect(warnings.toSorted()).toEqual(["f: unknown key log.lvl", "f: unknown key wss"]);
});
