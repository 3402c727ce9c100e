import { expect, test } from "bun:test";
import { usernameKey } from "#proto/username.ts";
import { checkUsername } from "./username.ts";

test.each(["abc", "A_1", "a".repeat(20), "李小龍", "Ольга_7", "สมชาย", "नमस्ते", "Zoë", "１２３"])(
  "spec 10 §2: %p is a name",
  (name) => {
    expect(checkUsername(name).ok).toBe(true);
  },
);

test.each([
  ["ab", "too short"],
  ["a".repeat(21), "too long"],
  ["x".repeat(100_000), "far too long"],
  ["ﷺ".repeat(20), "too long after NFKC"],
  ["a b c", "spaces"],
  ["a-b-c", "punctuation"],
  ["a'; DROP TABLE users;--", "SQL"],
  ["x' OR '1'='1", "SQL"],
  ["<script>", "markup"],
  ["abc\0", "NUL"],
  ["abc\ud800", "a lone surrogate"],
  ["abㅤc", "an invisible letter"],
  ["ab\u200bc", "a zero-width space"],
  ["\u0301abc", "a mark without its letter"],
  [`ab${"\u0301".repeat(9)}`, "a pile of marks"],
  ["guest_1", "the server's prefix"],
  ["GUEST_abc", "the server's prefix in capitals"],
  ["ｇｕｅｓｔ_abc", "the server's prefix in full width"],
  ["", "nothing"],
])("spec 10 §2: %p is refused: %s", (name) => {
  expect(checkUsername(name).ok).toBe(false);
});

test("names are stored in NFKC and compared without case", () => {
  expect(checkUsername("ﬁsher")).toEqual({ ok: true, username: "fisher" });
  expect(usernameKey("ＡＬＩＣＥ")).toBe(usernameKey("alice"));
  expect(usernameKey("ΣΑΣ")).toBe(usernameKey("σασ"));
  expect(usernameKey("Zoe\u0308")).toBe(usernameKey("ZOË"));
  expect(new Set(["Ångström", "ÅNGSTRÖM", "A\u030angstro\u0308m", "Ａ\u030aNGSTRÖM"].map(usernameKey)).size).toBe(1);
  expect(usernameKey("ann")).not.toBe(usernameKey("änn"));
  expect(usernameKey("alice")).not.toBe(usernameKey("al1ce"));
});
