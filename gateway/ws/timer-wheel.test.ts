import { expect, test } from "bun:test";
import { createTimerWheel, type WheelEntry } from "./timer-wheel.ts";

class Entry implements WheelEntry {
  wheelNext: WheelEntry | undefined = undefined;
  wheelPrevious: WheelEntry | undefined = undefined;
  wheelSlot = -1;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

function wheelAt(startMs: number) {
  const fired: [string, number][] = [];
  const wheel = createTimerWheel<Entry>(startMs, (entry, nowMs) => {
    fired.push([entry.name, nowMs]);
  });
  return { wheel, fired };
}

test("an entry fires once, in the tick after its deadline, never before", () => {
  const { wheel, fired } = wheelAt(10_000);
  wheel.schedule(new Entry("a"), 12_500);
  wheel.advance(12_999);
  expect(fired).toEqual([]);
  wheel.advance(13_000);
  expect(fired).toEqual([["a", 13_000]]);
  wheel.advance(500_000);
  expect(fired).toHaveLength(1);
});

test("cancel and a second schedule take the entry out of its first slot", () => {
  const { wheel, fired } = wheelAt(0);
  const [a, b, c] = [new Entry("a"), new Entry("b"), new Entry("c")];
  for (const entry of [a, b, c]) wheel.schedule(entry, 2000);
  wheel.cancel(b);
  wheel.cancel(b);
  wheel.schedule(a, 5000);
  wheel.advance(4000);
  expect(fired.map(([name]) => name)).toEqual(["c"]);
  wheel.advance(5000);
  expect(fired.map(([name]) => name)).toEqual(["c", "a"]);
});

test("what is scheduled again while it fires does not fire twice in one tick", () => {
  let fires = 0;
  const wheel = createTimerWheel<Entry>(0, (entry, nowMs) => {
    fires += 1;
    wheel.schedule(entry, nowMs);
  });
  wheel.schedule(new Entry("self"), 1000);
  wheel.advance(1000);
  expect(fires).toBe(1);
  wheel.advance(3000);
  expect(fires).toBe(3);
});

test("an entry may cancel its neighbours of the same slot while it fires", () => {
  const entries = ["a", "b", "c", "d"].map((name) => new Entry(name));
  const fired: string[] = [];
  const wheel = createTimerWheel<Entry>(0, (entry) => {
    fired.push(entry.name);
    for (const other of entries) wheel.cancel(other);
  });
  for (const entry of entries) wheel.schedule(entry, 1000);
  wheel.advance(5000);
  expect(fired).toHaveLength(1);
});

test("a deadline beyond the horizon fires early instead of wrapping round", () => {
  const { wheel, fired } = wheelAt(0);
  wheel.schedule(new Entry("far"), 1_000_000);
  wheel.advance(126_000);
  expect(fired).toEqual([]);
  wheel.advance(127_000);
  expect(fired).toHaveLength(1);
});

test("after a long pause everything due fires once", () => {
  const { wheel, fired } = wheelAt(0);
  for (let index = 1; index <= 100; index += 1) wheel.schedule(new Entry(String(index)), index * 1000);
  wheel.advance(3_600_000);
  expect(fired).toHaveLength(100);
});
