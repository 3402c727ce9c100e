import { expect, test } from "bun:test";
import { createContentFilter, type FilterSettings } from "./filter.ts";

const on = (words: string[], action: FilterSettings["action"] = "replace"): FilterSettings => ({
  enabled: true,
  action,
  words,
});

test("spec 50 §4: words are replaced by * of their length, whatever their case", () => {
  const filter = createContentFilter(on(["darn", "darnation", "c++", "坏话"]));
  expect(filter("Darnation! DARN it, c++ 说坏话")).toBe("*********! **** it, *** 说**");
  expect(filter("a fine day")).toBe("a fine day");
});

test("or the message is refused", () => {
  const filter = createContentFilter(on(["darn"], "reject"));
  expect([filter("oh Darn"), filter("oh"), filter("oh darn")]).toEqual([undefined, "oh", undefined]);
});

test("off by default; another list acts at once; an empty one does nothing", () => {
  const settings = { enabled: false, action: "replace" as const, words: ["a"] as readonly string[] };
  const filter = createContentFilter(settings);
  expect(filter("abc")).toBe("abc");
  settings.enabled = true;
  expect(filter("abc")).toBe("*bc");
  settings.words = ["b", ""];
  expect(filter("abc")).toBe("a*c");
  settings.words = [];
  expect(filter("abc")).toBe("abc");
});
