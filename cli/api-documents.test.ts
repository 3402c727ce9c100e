import { expect, test } from "bun:test";
import { Parser } from "@asyncapi/parser";
import { Validator } from "@seriousme/openapi-schema-validator";
import { clientFrames } from "../proto/schemas/frames.ts";
import { serverFrames } from "../proto/schemas/server-frames.ts";
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

test("asyncapi.yaml is valid AsyncAPI 3, with every frame and its answers", async () => {
  const text = apiDocuments()["asyncapi.yaml"] ?? "";
  const { document, diagnostics } = await new Parser().parse(text);
  const problems = diagnostics.filter(({ severity }) => severity === 0).map(({ message, path }) => [message, path]);
  expect(problems).toEqual([]);
  expect(document?.version()).toBe("3.0.0");
  const names = (document?.allMessages().all() ?? []).map((message) => message.name()).sort();
  expect(names).toEqual([...Object.keys(clientFrames), ...Object.keys(serverFrames)].sort());
  expect((await new Parser().parse(text.replace("action: receive", "action: take"))).document).toBeUndefined();
}, 30_000);
