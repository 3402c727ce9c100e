import { expect, test } from "bun:test";
import { relativeTime } from "./format.ts";
import { presenceText } from "./presence-text.ts";

// Bun's navigator has no languages.
Object.defineProperty(navigator, "languages", { value: ["en-US"], configurable: true });
const nowMs = new Date(2026, 4, 20, 15).getTime();
const ago = (seconds: number): number => nowMs / 1_000 - seconds;

test("online, last seen, and nothing of strangers of whom nothing is known", () => {
  const text = (lastSeen: number | undefined, isFriend = true) =>
    presenceText({ online: false, lastSeen }, isFriend, nowMs);
  expect(presenceText({ online: true, lastSeen: undefined }, false, nowMs)).toBe("Online");
  expect(text(undefined)).toBe("Offline");
  expect(text(undefined, false)).toBe("");
  expect(presenceText(undefined, true, nowMs)).toBe("");
  expect(text(ago(59))).toBe("Last seen just now");
  expect(text(ago(301))).toMatch(/^Last seen 5 min\.? ago$/);
});

test("times from seconds to dates; one that is to come is now", () => {
  const hour = 3_600;
  const days = 24 * hour;
  expect(relativeTime(ago(-100), nowMs)).toBe("now");
  expect(relativeTime(ago(59 * 60), nowMs)).toMatch(/^59 min/);
  expect(relativeTime(ago(14 * hour), nowMs)).toMatch(/^14 hr/);
  expect(relativeTime(ago(16 * hour), nowMs)).toBe("yesterday");
  expect(relativeTime(ago(3 * days), nowMs)).toBe("3 days ago");
  expect(relativeTime(ago(12 * days), nowMs)).toContain("2026");
});
