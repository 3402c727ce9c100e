import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";

const folder = join(import.meta.dir, "styles");

test("no rule is turned into one by language: right to left must not depend on the page's language", async () => {
  const files = (await readdir(folder)).map((name) => join(folder, name));
  const built = await Bun.build({ entrypoints: files });
  expect(built.outputs.length).toBe(files.length);
  for (const output of built.outputs) {
    const rules = (await output.text()).match(/^[^{}\n]*:lang\([^{}\n]*/gm) ?? [];
    expect(rules.map((rule) => `${output.path}: ${rule.slice(0, 40)}`)).toEqual([]);
  }
});
