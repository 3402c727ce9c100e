import { expect, test } from "bun:test";
import fc from "fast-check";
import { SmallMap } from "./small-map.ts";

test("it is a map of texts, small or large", () => {
  const step = fc.record({ field: fc.integer({ min: 0, max: 14 }).map(String), value: fc.option(fc.string()) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [small, plain] = [new SmallMap(), new Map<string, string>()];
      for (const { field, value } of steps) {
        if (value === null) expect(small.delete(field)).toBe(plain.delete(field));
        else {
          small.set(field, value);
          plain.set(field, value);
        }
        expect([small.size, small.get(field)]).toEqual([plain.size, plain.get(field)]);
      }
      expect([...small]).toEqual([...plain]);
    }),
  );
});
