import { expect, test } from "bun:test";
import { importSuite, toImport } from "./import.suite.ts";
import { createImporter } from "./import.ts";
import { createTestRepo } from "./testing.ts";

importSuite(createTestRepo);

test("a conversation whose transaction did not commit is told so, row by row", async () => {
  const repo = await createTestRepo();
  const ann = await repo.addUser();
  const group = await repo.addConversation([ann]);
  const importer = createImporter(repo.context);
  await repo[Symbol.asyncDispose]();
  const messages = [toImport(group, ann, 1n), toImport(group, ann, 2n, { id: "x" }), toImport(group, ann, 3n)];
  const { saved, failed } = await importer.save(messages);
  expect(saved).toBe(0);
  expect(failed.map(({ errorCode }) => errorCode)).toEqual([
    "SERVICE_UNAVAILABLE",
    "INVALID_PARAMETER",
    "SERVICE_UNAVAILABLE",
  ]);
});
