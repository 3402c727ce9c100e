import { expect, test } from "bun:test";
import { beside, rpcPortBeside } from "./ports.ts";

test("ports of one process follow PORT: known ones beside 8080, else above it, else any free one", () => {
  expect(rpcPortBeside(8080, 9003, 4000)).toBe(9003);
  expect(rpcPortBeside(8081, 9003, 4000)).toBe(12_081);
  expect([0, 61_535, 61_536].map((port) => beside(port, 4000))).toEqual([0, 65_535, 0]);
});

test("beside 8080 a second installation shares no port, but for three values of PORT", () => {
  const portsOf = (port: number): number[] => [
    ...[port, beside(port, 1000)],
    ...[rpcPortBeside(port, 9001, 2000), rpcPortBeside(port, 9002, 3000), rpcPortBeside(port, 9003, 4000)],
  ];
  const first = new Set(portsOf(8080));
  expect(first.size).toBe(5);
  const taken = Array.from({ length: 1000 }, (_, at) => 8000 + at)
    .filter((port) => port !== 8080)
    .filter((port) => portsOf(port).some((one) => first.has(one)));
  // Their port of health and metrics is one of RPC here.
  expect(taken).toEqual([8001, 8002, 8003]);
});
