import { expect, test } from "bun:test";
import { createRing } from "./ring.ts";

test("a ring behaves as an array that is pushed and shifted", () => {
  const ring = createRing<number>();
  const model: number[] = [];
  let next = 0;
  let state = 12345;
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return state % below;
  };
  for (let round = 0; round < 500; round++) {
    for (let i = random(300); i > 0; i--) {
      ring.push(next);
      model.push(next++);
    }
    const dropped = random(round % 50 === 0 ? 20_000 : 280);
    ring.drop(dropped);
    model.splice(0, dropped);
    expect(ring.length).toBe(model.length);
    for (const at of [-1, 0, 1, model.length >> 1, model.length - 1, model.length]) expect(ring.at(at)).toBe(model[at]);
  }
});
