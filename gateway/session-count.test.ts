import { expect, test } from "bun:test";
import { silentLogger } from "#infra/clog/clog.ts";
import type { ServiceInstance } from "#infra/coord/coord.ts";
import { createLocalCoord } from "#infra/coord/local.ts";
import { showSessionCount } from "./session-count.ts";

const metadata = { version: "1", incarnation: "a" };
const instance: ServiceInstance = { name: "gateway", id: "gateway-1", address: "127.0.0.1", port: 1, metadata };

test("the number of sessions is in the registry when it changed, beside what was there", async () => {
  await using coord = createLocalCoord();
  const registration = await coord.register(instance);
  let sessions = 0;
  const seen: (string | undefined)[] = [];
  const reached = Promise.withResolvers<void>();
  await coord.watch("gateway", (all) => {
    seen.push(all[0]?.metadata.sessions);
    if (seen.at(-1) === "3") sessions = 0;
    if (seen.at(-1) === "0") reached.resolve();
  });
  await using shown = showSessionCount({ registration, metadata, count: () => sessions, clog: silentLogger }, 1);
  expect(shown).toBeDefined();
  sessions = 3;
  await reached.promise;
  expect(seen).toEqual([undefined, "3", "0"]);
  expect((await coord.discover("gateway"))[0]?.metadata).toEqual({ ...metadata, sessions: "0" });
});

test("one write at a time; one that fails is made good, and the end waits for the one under way", async () => {
  const written: (string | undefined)[] = [];
  const looks = Promise.withResolvers<void>();
  let looksWhileOpen = 0;
  const open = Promise.withResolvers<void>();
  let sessions = 0;
  const count = (): number => {
    if (written.length >= 3) looksWhileOpen += 1;
    if (looksWhileOpen === 5) looks.resolve();
    return ++sessions;
  };
  const registration = {
    async update(change: Partial<Pick<ServiceInstance, "metadata">>) {
      written.push(change.metadata?.sessions);
      if (written.length === 1) throw new Error("away");
      if (written.length < 3) return;
      await open.promise;
    },
  };
  const shown = showSessionCount({ registration, metadata, count, clog: silentLogger }, 1);
  await looks.promise;
  let ended = false;
  const ending = shown[Symbol.asyncDispose]().then(() => {
    ended = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect([ended, written.length]).toEqual([false, 3]);
  open.resolve();
  await ending;
  expect(ended).toBe(true);
  expect(written).toHaveLength(3);
});
