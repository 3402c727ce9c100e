import { expect, test } from "bun:test";
import { createIds, LeaseStaleError } from "../uid/uid.ts";
import { coordConformance } from "./conformance.ts";
import { workerPool } from "./coord.ts";
import { createLocalCoord, createLocalRealm, type LocalCoord } from "./local.ts";

coordConformance("local", async () => {
  const realm = createLocalRealm();
  const coords = new Map<unknown, LocalCoord>();
  return {
    async connect() {
      const coord = createLocalCoord({ realm });
      coords.set(coord, coord);
      return coord;
    },
    lapse: async (coord, meanwhile) => coords.get(coord)?.lapse(meanwhile),
    dispose: async () => {},
  };
});

test("the centre starts with the settings it is given", async () => {
  const coord = createLocalCoord({ realm: createLocalRealm({ "/config/a": "1" }) });
  expect((await coord.settings.get("/config/a"))?.value).toBe("1");
});

test("40 §1: a lapsed worker number makes no id until it is confirmed again, and never once another has it", async () => {
  const realm = createLocalRealm();
  const coord = createLocalCoord({ realm });
  const ids = createIds({ worker: await coord.claimNumber(workerPool, { min: 1, max: 1023 }) });
  expect(ids.snowflake()).toBeGreaterThan(0n);
  await coord.lapse(async () => expect(() => ids.snowflake()).toThrow(LeaseStaleError));
  expect(ids.snowflake()).toBeGreaterThan(0n);
  await coord.lapse(async () => {
    await createLocalCoord({ realm }).claimNumber(workerPool, { min: 1, max: 1023 });
  });
  expect(() => ids.snowflake()).toThrow(LeaseStaleError);
});

test("changes of one turn reach a watcher as one call", async () => {
  const coord = createLocalCoord();
  let calls = 0;
  await coord.settings.watchPrefix("/a/", () => {
    calls += 1;
  });
  await Promise.all([coord.settings.set("/a/1", "1"), coord.settings.set("/a/2", "2"), coord.settings.set("/b", "3")]);
  await Promise.resolve();
  expect(calls).toBe(2);
});
