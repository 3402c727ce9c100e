import { expect, test } from "bun:test";
import { silentLogger } from "../clog/clog.ts";
import { createLocalCoord } from "../coord/local.ts";
import { createMetrics } from "../metrics/metrics.ts";
import { section } from "./config.ts";
import { int } from "./keys.ts";
import { followConfig } from "./live.ts";

const spec = section({
  ws: section({
    hot: int({ default: 1, min: 1, max: 100, doc: "hot", hot: true }),
    cold: int({ default: 1, min: 1, max: 100, doc: "cold" }),
  }),
});

test("60 §13: the centre lies over the files and below the environment; hot keys act, invalid documents change nothing", async () => {
  await using coord = createLocalCoord();
  const metrics = createMetrics();
  const seen: unknown[] = [];
  const { settings } = coord;
  await settings.set("/config/production/global/ws", "hot: 5");
  const watch = await followConfig({
    spec,
    sources: {
      environment: "production",
      trees: [{ name: "default.yaml", values: { ws: { hot: 2 } } }],
      env: { GOCHAT_WS__COLD: "9" },
    },
    settings,
    service: "gateway",
    onChange: (config, keys) => seen.push([config.ws, ...keys]),
    clog: silentLogger,
    metrics,
  });
  expect(seen).toEqual([[{ hot: 5, cold: 9 }, "ws.hot"]]);
  const set = async (key: string, value: string): Promise<unknown> => {
    seen.length = 0;
    await settings.set(key, value);
    await Promise.resolve();
    return seen[0];
  };
  expect(await set("/config/production/gateway/app", '{"ws": {"hot": 6, "cold": 3}}')).toEqual([
    { hot: 6, cold: 9 },
    "ws.hot",
  ]);
  expect(await set("/config/production/gateway/app", '{"ws": {"hot": 1000}}')).toBeUndefined();
  expect(await set("/config/production/gateway/app", "{")).toBeUndefined();
  expect(await set("/config/production/gateway/ratelimit/a", "no yaml: [")).toBeUndefined();
  expect(await metrics.render()).toContain('gochat_config_reload_total{name="config",result="rejected"} 2');
  expect(await set("/config/production/gateway/app", "ws: {hot: 7}")).toEqual([{ hot: 7, cold: 9 }, "ws.hot"]);
  await settings.delete("/config/production/gateway/app");
  await Promise.resolve();
  expect(seen.at(-1)).toEqual([{ hot: 5, cold: 9 }, "ws.hot"]);
  await watch.close();
  expect(await set("/config/production/gateway/app", "ws: {hot: 8}")).toBeUndefined();
});
