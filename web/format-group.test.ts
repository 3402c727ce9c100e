import { expect, test } from "bun:test";
import { clockOrDay, duration } from "./format-group.ts";

// Bun has no languages of a browser.
Object.defineProperty(navigator, "languages", { value: ["en-GB"], configurable: true });

const noonMs = new Date(2026, 4, 5, 12).getTime();
const hours = (count: number): string => clockOrDay(noonMs / 1_000 + count * 3_600, noonMs);

test("today by the clock alone; any other day with its date, before and after", () => {
  expect(hours(1)).not.toContain("5");
  expect(hours(-24)).toContain("4");
  expect(hours(24)).toContain("6");
  expect(hours(24)).not.toBe(hours(48));
});

test("how long a mute lasts, in its largest unit", () => {
  expect([600, 3_600, 86_400, 604_800].map(duration)).toEqual(["10 minutes", "1 hour", "1 day", "7 days"]);
});
