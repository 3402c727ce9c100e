import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../config/config.ts";
import { hostSpec } from "./config.ts";
import { openHost } from "./host.ts";

test("the embedded search index and objects are in the data folder, opened when asked for", async () => {
  const dir = await mkdtemp(join(tmpdir(), "gochat-host-"));
  try {
    const flags = { "data.dir": dir, "log.level": "error" };
    const { config } = loadConfig(hostSpec, { environment: "development", flags });
    const options = { environment: "development", service: "test", services: ["logic"] } as const;
    await using host = await openHost(config, options, async () => config);
    const has = (name: string): Promise<boolean> => Bun.file(join(dir, name)).exists();
    expect(await has("search.db")).toBe(false);
    const index = await host.es();
    expect(await has("search.db")).toBe(true);
    expect(await index.health()).toBe("ok");
    const objects = await host.objects();
    await objects.put("a", new Uint8Array(3));
    expect(await objects.head("a")).toMatchObject({ size: 3 });
    expect(await host.objects()).toBe(objects);
    host.configure({ ...config, ratelimit: { enabled: false } });
    expect(host.ratelimit.enabled).toBe(false);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
