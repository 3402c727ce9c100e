import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { ConfigError, type Problem, type Tree } from "./config.ts";
import type { Environment } from "./keys.ts";

/** The documents below `directory` that exist, lowest precedence first: `default.yaml`, `{service}.yaml` of each service,
 *  `{environment}/global/*`, `{environment}/{service}/*`. In the folders a file `ws.yaml` holds the section `ws`, `app.yaml` the whole tree.
 *  YAML or JSON. Throws ConfigError naming every file that cannot be read or parsed. */
export function readConfigTrees(directory: string, environment: Environment, services: readonly string[]): Tree[] {
  const problems: Problem[] = [];
  const trees: Tree[] = [];
  const take = (path: string, component: string): void => {
    try {
      const values = parseDocument(readFileSync(path, "utf8"), path);
      if (values !== null && values !== undefined) trees.push(treeOf(path, component, values));
    } catch (error) {
      problems.push({
        key: "file",
        value: path,
        source: error instanceof Error ? error.message : String(error),
        allowed: "YAML or JSON",
      });
    }
  };
  for (const name of ["default", ...services]) {
    const path = join(directory, `${name}.yaml`);
    if (existsSync(path)) take(path, "app");
  }
  for (const name of ["global", ...services]) {
    const folder = join(directory, environment, name);
    if (!existsSync(folder)) continue;
    for (const file of readdirSync(folder).toSorted()) {
      if ([".yaml", ".yml", ".json"].includes(extname(file))) take(join(folder, file), basename(file, extname(file)));
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return trees;
}

/** Components whose section has another name. */
const sections: Readonly<Record<string, string>> = { clog: "log" };

/** The tree of a document: `app` is a whole one, any other component is the section of its name. */
export function treeOf(name: string, component: string, values: unknown): Tree {
  return { name, values: component === "app" ? values : { [sections[component] ?? component]: values } };
}

/** Parses one document by the ending of its name: `.json`, else YAML. Throws SyntaxError. */
export function parseDocument(text: string, name: string): unknown {
  return extname(name) === ".json" ? JSON.parse(text) : Bun.YAML.parse(text);
}
