import { parseDocument } from "#infra/config/yaml.ts";

/** The lines that tell two states of a document apart, key by key: `- key: value` was, `+ key: value` is to be. Empty when they mean the same. */
export function differences(before: string | undefined, after: unknown): string[] {
  const [old, next] = [leavesOf(before === undefined ? undefined : read(before)), leavesOf(after)];
  const lines: string[] = [];
  for (const key of new Set([...old.keys(), ...next.keys()])) {
    const [was, is] = [old.get(key), next.get(key)];
    if (was === is) continue;
    if (was !== undefined) lines.push(`- ${key}: ${was}`);
    if (is !== undefined) lines.push(`+ ${key}: ${is}`);
  }
  return lines;
}

/** Key → value as JSON. A list is one value. */
function leavesOf(values: unknown, path = ""): Map<string, string> {
  const leaves = new Map<string, string>();
  if (typeof values === "object" && values !== null && !Array.isArray(values)) {
    for (const [name, value] of Object.entries(values))
      for (const [key, text] of leavesOf(value, path === "" ? name : `${path}.${name}`)) leaves.set(key, text);
  } else if (values !== undefined) leaves.set(path === "" ? "(whole)" : path, JSON.stringify(values));
  return leaves;
}

/** What cannot be read is shown as it is. */
function read(text: string): unknown {
  try {
    return parseDocument(text, "");
  } catch {
    return text;
  }
}
