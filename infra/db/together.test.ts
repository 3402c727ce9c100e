import { expect, test } from "bun:test";
import { sqliteTable, text } from "drizzle-orm/sqlite-core";
import { stepsMessage } from "./mysql-steps.ts";
import { findMany, insertMany, now, type SingleStep, type Steps, together } from "./steps.ts";

const pets = sqliteTable("pets", { name: text("name").primaryKey(), kind: text("kind").notNull() });
const byName = { table: pets, columns: { name: pets.name, kind: pets.kind }, by: [pets.name] } as const;

/** What a body yields first. */
function stepsOf(body: Steps<unknown>): readonly SingleStep[] {
  const { value } = body.next() as { value: { steps: readonly SingleStep[] } };
  return value.steps;
}

test("calls made together are yielded as one, and each gets its own result; one without rows yields nothing", () => {
  const body = together([findMany(byName, [["a"]]), findMany(byName, []), now(), insertMany(pets, [])] as const);
  const first = body.next();
  expect((first.value as { steps: readonly SingleStep[] }).steps.map(({ step }) => step)).toEqual(["find", "now"]);
  const done = body.next([[{ name: "a", kind: "cat" }], 7]);
  expect(done).toEqual({ done: true, value: [[{ name: "a", kind: "cat" }], [], 7, undefined] });
});

test("nothing to ask asks nothing", () => {
  expect(together([findMany(byName, []), insertMany(pets, [])]).next()).toEqual({ done: true, value: [[], undefined] });
});

test("MySQL: one message with a statement per step, its values escaped, and the results told apart", () => {
  const nowText = "select clock";
  const steps = stepsOf(
    together([insertMany(pets, [{ name: "it's; drop", kind: "cat" }]), findMany(byName, [["a"], ["b"]]), now()]),
  );
  const { statement, count, resultsOf } = stepsMessage(steps, nowText, undefined);
  expect(count).toBe(3);
  expect(statement.text).toContain("'it\\'s; drop'");
  expect(statement.text.endsWith(`;${nowText}`)).toBe(true);
  expect(statement.label).not.toContain("drop");
  expect(resultsOf([[], [["a", "cat"]], [["42"]]])).toEqual([undefined, [{ name: "a", kind: "cat" }], 42]);
  expect(stepsMessage([{ step: "now" }], nowText, () => 9)).toMatchObject({ count: 0 });
});
