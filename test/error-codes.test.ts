import { expect, test } from "bun:test";
import { $ } from "bun";
import { ERRORS } from "../proto/errors.ts";

const root = new URL("..", import.meta.url).pathname;

/** Codes that no test names yet: this list only gets shorter. */
const missing: readonly string[] = [
  ...["FEATURE_DISABLED", "SESSION_LIMIT", "DUPLICATE_MESSAGE", "USER_ALREADY_IN_CONVERSATION"],
  ...["CANNOT_LEAVE_CONVERSATION", "ALREADY_REQUESTED", "JOIN_REQUEST_NOT_FOUND"],
  ...["FRIEND_REQUEST_NOT_FOUND", "FRIEND_REQUEST_ALREADY_EXISTS", "ALREADY_FRIENDS", "NOT_FRIENDS"],
  ...["CANNOT_ADD_SELF_AS_FRIEND", "FRIEND_REQUEST_ALREADY_HANDLED"],
  ...["UNSUPPORTED_FILE_FORMAT", "FILE_TOO_LARGE", "FILE_UPLOAD_FAILED", "FILE_DOWNLOAD_FAILED"],
];

/** Files that test, but not this one, and not the tests of the table itself. */
async function testedText(): Promise<string> {
  const patterns = ["*.test.ts", "*.suite.ts", "test/**/*.ts"];
  const listed = await $`git ls-files --cached --others --exclude-standard -- ${patterns}`.cwd(root).text();
  const apart = /^(test\/error-codes\.test|proto\/errors\.test|proto\/wire\.test|test\/conformance\/gen)/;
  const files = listed.split("\n").filter((file) => file !== "" && !apart.test(file));
  return (await Promise.all(files.map((file) => Bun.file(root + file).text()))).join("\n");
}

test("70 §5: every code of the error table is named by a test, but for those that are listed here", async () => {
  const text = await testedText();
  const named = (code: string): boolean => new RegExp(`\\b${code}\\b`).test(text);
  expect(Object.keys(ERRORS).filter((code) => !named(code) && !missing.includes(code))).toEqual([]);
  const found = missing.filter(named);
  if (found.length > 0) console.log(`Named by a test now, take them off the list: ${found.join(", ")}`);
});
