import { expect, test } from "bun:test";
import { createTokenMemory } from "./token-memory.ts";

const identity = (number: number) => ({
  userId: String(9_000_000_000_000_000_000n + BigInt(number)),
  sid: `sid-${number}`,
  isGuest: number % 2 === 0,
  expiresAtS: 1_900_000_000 + number,
});

test("a token is known with all that it said until its time is over", () => {
  const memory = createTokenMemory(10);
  memory.remember("a", identity(1), 1000);
  memory.remember("b", identity(2), 2000);
  expect([memory.recall("a", 999), memory.recall("b", 999)]).toEqual([identity(1), identity(2)]);
  expect([memory.recall("a", 1000), memory.recall("c", 0)]).toEqual([undefined, undefined]);
  memory.remember("a", identity(3), 3000);
  expect(memory.recall("a", 2500)).toEqual(identity(3));
});

test("it grows to its bound; past it the oldest goes", () => {
  const memory = createTokenMemory(1000);
  for (let number = 0; number < 1700; number += 1) memory.remember(`t${number}`, identity(number), 10);
  expect(memory.size).toBe(1000);
  for (let number = 0; number < 1700; number += 1)
    expect(memory.recall(`t${number}`, 5)).toEqual(number < 700 ? undefined : identity(number));
});

test("a sweep lets go of what ran out, and it goes on", () => {
  const memory = createTokenMemory(5000);
  for (let number = 0; number < 3000; number += 1) memory.remember(`t${number}`, identity(number), number);
  memory.sweep(2000);
  expect(memory.size).toBe(999);
  expect([memory.recall("t2000", 0), memory.recall("t2001", 0)]).toEqual([undefined, identity(2001)]);
  memory.sweep(3000);
  expect(memory.size).toBe(0);
  memory.remember("again", identity(7), 4000);
  expect(memory.recall("again", 3500)).toEqual(identity(7));
});

test("with a bound of 0 nothing is remembered", () => {
  const memory = createTokenMemory(0);
  memory.remember("a", identity(1), 1000);
  expect([memory.recall("a", 0), memory.size]).toEqual([undefined, 0]);
});
