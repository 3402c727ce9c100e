/** Writes the documents of the contract into docs/api. Usage: bun cli/api-documents.ts */
import project from "#package.json" with { type: "json" };
import { contract } from "../gateway/http/contract.ts";
import { openApiDocument } from "../gateway/http/openapi.ts";

/** Text by file name below docs/api. */
export function apiDocuments(): Readonly<Record<string, string>> {
  return { "openapi.yaml": yaml(openApiDocument(contract, project.version)) };
}

function yaml(document: object): string {
  // Through JSON: what is undefined is left out.
  return `# Written by \`make docs\` from the endpoints in gateway/http; do not edit.\n${Bun.YAML.stringify(JSON.parse(JSON.stringify(document)), null, 2)}\n`;
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(apiDocuments())) {
    await Bun.write(new URL(`../docs/api/${name}`, import.meta.url), text);
    console.log(`docs/api/${name}`);
  }
}
