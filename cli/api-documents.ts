/** Writes the documents of the contract into docs/api. Usage: bun cli/api-documents.ts */
import project from "#package.json" with { type: "json" };
import { contract } from "../gateway/http/contract.ts";
import { openApiDocument } from "../gateway/http/openapi.ts";
import { asyncApiDocument } from "../proto/schemas/asyncapi.ts";

/** Text by file name below docs/api. */
export function apiDocuments(): Readonly<Record<string, string>> {
  return {
    "openapi.yaml": yaml("the endpoints in gateway/http", openApiDocument(contract, project.version)),
    "asyncapi.yaml": yaml("the frames in proto/schemas", asyncApiDocument(project.version)),
  };
}

function yaml(source: string, document: object): string {
  // Through JSON: what is undefined is left out.
  return `# Written by \`make docs\` from ${source}; do not edit.\n${Bun.YAML.stringify(JSON.parse(JSON.stringify(document)), null, 2)}\n`;
}

if (import.meta.main) {
  for (const [name, text] of Object.entries(apiDocuments())) {
    await Bun.write(new URL(`../docs/api/${name}`, import.meta.url), text);
    console.log(`docs/api/${name}`);
  }
}
