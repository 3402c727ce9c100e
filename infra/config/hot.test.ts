import { expect, test } from "bun:test";
import { loadConfig, section } from "./config.ts";
import { hotCopy, takeHot } from "./hot.ts";
import { int } from "./keys.ts";

const spec = section({
  port: int({ default: 1, min: 0, max: 9, doc: "where" }),
  ws: section({
    most: int({ default: 1, min: 0, max: 9, doc: "how many", hot: true }),
    deep: section({ size: int({ default: 1, min: 0, max: 9, doc: "how much" }) }),
  }),
});
const withFlags = (flags: Record<string, string>) => loadConfig(spec, { environment: "development", flags }).config;

test("60 §13: a holder of a section sees its hot keys as they are now, and the others as they were at the start", () => {
  const loaded = withFlags({});
  const live = hotCopy(spec, loaded);
  const { ws } = live;
  takeHot(spec, live, withFlags({ port: "5", "ws.most": "6", "ws.deep.size": "7" }));
  expect(ws.most).toBe(6);
  expect(live).toEqual({ port: 1, ws: { most: 6, deep: { size: 1 } } });
  expect(loaded.ws.most).toBe(1);
  takeHot(spec, live, loaded);
  expect(ws.most).toBe(1);
});
