import { expect, test } from "bun:test";
import { createManualClock } from "./clock.ts";
import { createTyping } from "./typing.ts";

function setup() {
  const clock = createManualClock();
  const sent: { type: string; id?: string }[] = [];
  const changes: string[] = [];
  const state = { up: true };
  const typing = createTyping({
    clock,
    me: () => "1",
    transmit: (frame) => {
      if (state.up) sent.push(frame as { type: string });
      return state.up;
    },
    onChange: (id) => changes.push(id),
  });
  return { clock, sent, changes, state, typing, types: () => sent.map(({ type }) => type) };
}

test("20 §4: typing is told at once and at most every three seconds; the end only while it shows", () => {
  const { clock, typing, types } = setup();
  typing.stopped("5");
  for (let at = 0; at < 10; at++) {
    typing.typed("5");
    clock.advance(500);
  }
  expect(types()).toEqual(["typing", "typing"]);
  typing.stopped("5");
  typing.stopped("5");
  expect(types()).toEqual(["typing", "typing", "stop-typing"]);
  clock.advance(3_200);
  typing.typed("5");
  clock.advance(6_000);
  typing.stopped("5");
  expect(types()).toEqual(["typing", "typing", "stop-typing", "typing"]);
});

test("what found no connection is told with the next key", () => {
  const { state, typing, types } = setup();
  state.up = false;
  typing.typed("5");
  state.up = true;
  typing.typed("5");
  expect(types()).toEqual(["typing"]);
});

test("OPERATION_NOT_SUPPORTED: a room is told nothing more", () => {
  const { clock, sent, typing } = setup();
  typing.typed("5");
  const id = sent[0]?.id ?? "";
  typing.refused(id, "RATE_LIMITED");
  typing.refused("another", "OPERATION_NOT_SUPPORTED");
  clock.advance(4_000);
  typing.typed("5");
  typing.refused(id, "OPERATION_NOT_SUPPORTED");
  clock.advance(4_000);
  typing.typed("5");
  expect(sent).toHaveLength(2);
});

test("an indicator ends after six seconds, by the other's word, and not by repeats", () => {
  const { clock, changes, typing } = setup();
  typing.heard("5", "1", true);
  expect(typing.who("5")).toEqual([]);
  typing.heard("5", "2", true);
  typing.heard("5", "3", true);
  clock.advance(4_000);
  typing.heard("5", "2", true);
  expect(changes).toEqual(["5", "5"]);
  clock.advance(2_000);
  expect(typing.who("5")).toEqual(["2"]);
  typing.heard("5", "2", false);
  expect(typing.who("5")).toEqual([]);
  expect(changes).toHaveLength(4);
  expect(clock.waiting()).toBe(0);
});
