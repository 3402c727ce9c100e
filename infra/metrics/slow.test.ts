import { expect, test } from "bun:test";
import { createLogger } from "../clog/clog.ts";
import { createSlowLog } from "./slow.ts";

test("60 §7: what is slow is one line; of many in a second only some, and their number later", () => {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line));
  let nowMs = 0;
  const slow = createSlowLog(createLogger({ service: "s", level: "info", format: "json", write }), "slow", () => nowMs);
  slow.tell(512.4, { method: "M", code: "ok" });
  expect(lines[0]).toMatchObject({ level: "warn", msg: "slow", method: "M", code: "ok", latency_ms: 512 });
  for (let n = 0; n < 100; n += 1) slow.tell(600, {});
  expect(lines.length).toBe(20);
  nowMs = 1000;
  slow.tell(700, {});
  expect(lines.at(-1)).toMatchObject({ latency_ms: 700, left_out: 81 });
  slow.tell(700, {});
  expect(lines.at(-1)?.left_out).toBeUndefined();
});
