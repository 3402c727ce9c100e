import { expect, test } from "bun:test";
import { createFrameMemory, rememberedMax } from "./frame-memory.ts";

test("only equal bytes are known", () => {
  const memory = createFrameMemory<number>();
  const bytes = Buffer.from("abc");
  memory.remember(bytes, 1);
  bytes[0] = 0x7a;
  expect(memory.find(Buffer.from("abc"))).toBe(1);
  expect(memory.find(bytes)).toBeUndefined();
  expect(memory.find(Buffer.from("abcd"))).toBeUndefined();
});

test("the oldest are forgotten at the bound", () => {
  const memory = createFrameMemory<number>();
  for (let n = 0; n <= rememberedMax; n += 1) memory.remember(Buffer.from(`frame ${n}`), n);
  expect(memory.find(Buffer.from("frame 0"))).toBeUndefined();
  expect(memory.find(Buffer.from("frame 1"))).toBe(1);
  expect(memory.find(Buffer.from(`frame ${rememberedMax}`))).toBe(rememberedMax);
});
