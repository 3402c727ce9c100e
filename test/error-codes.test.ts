import { expect, test } from "bun:test";
import { $ } from "bun";
import { ERRORS, type ErrorName } from "../proto/errors.ts";

const root = new URL("..", import.meta.url).pathname;

/** Codes that no test names yet, and what each waits for. */
const missing: Readonly<Partial<Record<ErrorName, string>>> = {
  FEATURE_DISABLED: "the first feature that can be switched off: search, push, administration",
  SESSION_LIMIT: "a device limit without eviction; every policy of today evicts",
  UNSUPPORTED_FILE_FORMAT: "files",
  FILE_TOO_LARGE: "files",
  FILE_UPLOAD_FAILED: "files",
  FILE_DOWNLOAD_FAILED: "files",
};

/** Files that test, but not this one, and not the tests of the table itself. */
async function testedText(): Promise<string> {
  const patterns = ["*.test.ts", "*.suite.ts", "test/**/*.ts"];
  const listed = await $`git ls-files --cached --others --exclude-standard -- ${patterns}`.cwd(root).text();
  const apart = /^(test\/error-codes\.test|proto\/errors\.test|proto\/wire\.test|test\/conformance\/gen)/;
  const files = listed.split("\n").filter((file) => file !== "" && !apart.test(file));
  return (await Promise.all(files.map((file) => Bun.file(root + file).text()))).join("\n");
}

test("70 §5: every code of the error table is named by a test, but for those that are listed here, and no other", async () => {
  const text = await testedText();
  const unnamed = Object.keys(ERRORS).filter((code) => !new RegExp(`\\b${code}\\b`).test(text));
  expect(unnamed).toEqual(Object.keys(missing).sort((a, b) => number(a) - number(b)));
});

const number = (code: string): number => ERRORS[code as ErrorName].number;
