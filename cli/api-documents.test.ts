import { expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { apiDocuments } from "./api-documents.ts";

const folder = new URL("../docs/api/", import.meta.url);

for (const [name, text] of Object.entries(apiDocuments())) {
  test(`docs/api/${name} is what the code says: \`make docs\` writes it`, async () => {
    expect(await Bun.file(new URL(name, folder)).text()).toBe(text);
  });
}

test("openapi.yaml is valid OpenAPI 3.1, without a dangling reference", async () => {
  const document = Bun.YAML.parse(apiDocuments()["openapi.yaml"] ?? "") as Record<string, unknown>;
  const validator = new Validator();
  expect(await validator.validate(document)).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
  const text = JSON.stringify(document);
  const at = (ref: string): unknown =>
    ref
      .slice(2)
      .split("/")
      .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document);
  const dangling = [...text.matchAll(/"\$ref":"([^"]+)"/g)]
    .map(([, ref = ""]) => ref)
    .filter((ref) => at(ref) === undefined);
  expect(dangling).toEqual([]);
  // The validator finds what is wrong.
  expect((await new Validator().validate({ ...document, paths: { "/x": { get: { responses: 1 } } } })).valid).toBe(
    false,
  );
});
