import { expect, test } from "bun:test";
import { channelPair } from "../bridge/channel.ts";
import { createPeer } from "../bridge/peer.ts";
import { createBridgeCache } from "./bridge.ts";
import { serveCache } from "./bridge-host.ts";
import { type Cache, CacheUnavailableError, type Script } from "./cache.ts";
import { cacheConformance } from "./conformance.ts";
import { createMemoryCache } from "./memory.ts";

/** Scripts of the tests by name: in the program the composition knows them. */
const scripts = new Map<string, Script>();
function connect(memory: Cache): { cache: Cache; close(): void } {
  const line = channelPair();
  serveCache(createPeer(line.far), memory, (name) => scripts.get(name));
  const cache = createBridgeCache(createPeer(line.near));
  const run: Cache["eval"] = (script, keys, args) => {
    scripts.set(script.name, script);
    return cache.eval(script, keys, args);
  };
  return {
    cache: new Proxy(cache, { get: (target, verb) => (verb === "eval" ? run : Reflect.get(target, verb)) }),
    close: line.close,
  };
}

cacheConformance("bridge", async () => {
  let nowMs = 1_000_000;
  const memory = createMemoryCache({ clock: () => nowMs });
  return {
    cache: connect(memory).cache,
    other: connect(memory).cache,
    advance: async (ms) => {
      nowMs += ms;
    },
    dispose: async () => memory[Symbol.asyncDispose](),
  };
});

test("when the process with the cache is gone its verbs reject as those of a cache that is away", async () => {
  const { cache, close } = connect(createMemoryCache({}));
  await cache.set("a", "1");
  close();
  expect(await cache.get("a").catch((error: unknown) => error)).toBeInstanceOf(CacheUnavailableError);
});
