import { describe, expect, test } from "bun:test";
import { UsageError } from "./command-line.ts";
import { runTopics } from "./topics.ts";
import { offsetsWanted } from "./topics-groups.ts";
import { rangesOf } from "./topics-replay.ts";

const nowhere = {
  GOCHAT_MQ__DRIVER: "kafka",
  GOCHAT_MQ__KAFKA__BROKERS: "127.0.0.1:1",
  GOCHAT_MQ__KAFKA__RETRIES: "0",
};

const partition = (at: number, low: bigint, high: bigint) => {
  return { partition: at, leader: 1, replicas: [1], inSync: [1], low, high };
};
const details = { name: "t", config: {}, partitions: [partition(0, 3n, 9n), partition(1, 0n, 0n)] };

describe("gochat topics", () => {
  test.each<[string, RegExp]>([
    ["", /does one of create, list/],
    ["fly", /not "fly"/],
    ["list extra", /does not go like that/],
    ["describe", /does not go like that/],
    ["describe-group", /does not go like that/],
    ["replay", /does not go like that/],
    ["reset-offset group", /does not go like that/],
    ["reset-offset group topic", /needs --to/],
    ["reset-offset group topic --to never", /--to is earliest, latest or an offset, not "never"/],
    ["reset-offset group topic --to=-1", /--to is earliest/],
    ["reset-offset group topic --to 9223372036854775808", /--to is earliest/],
    ["reset-offset group topic --to latest --partition x", /--partition is a whole number/],
    ["monitor --seconds 0", /--seconds is a whole number from 1 to 86400, not "0"/],
    ["list --dry-run", /topics list takes no --dry-run/],
    ["list --what", /--what/],
    ["list --set x", /--set takes KEY=VALUE/],
  ])("`topics %s` is refused with a reason", async (line, reason) => {
    const refused = await runTopics(line.split(" "), { env: nowhere }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UsageError);
    expect(String(refused)).toMatch(reason);
  });

  test("no broker answers: exit code 69", async () => {
    expect(await runTopics(["list"], { env: nowhere })).toBe(69);
  });

  test("a wrong configuration: exit code 78", async () => {
    expect(await runTopics(["list"], { env: { ...nowhere, GOCHAT_MQ__KAFKA__BROKERS: "what" } })).toBe(78);
  });

  test("an embedded log says that there is nothing to do", async () => {
    const lines: string[] = [];
    expect(await runTopics(["list"], { env: {}, print: (line) => lines.push(line) })).toBe(0);
    expect(lines.join()).toContain("embedded");
  });

  test("--help tells every verb", async () => {
    const lines: string[] = [];
    await runTopics(["--help"], { env: {}, print: (line) => lines.push(line) });
    for (const verb of ["list-groups", "describe-group", "reset-offset", "replay", "monitor", "check"])
      expect(lines.join()).toContain(`gochat topics ${verb}`);
  });
});

describe("the offsets of a reset", () => {
  test("earliest and latest are those of each partition", () => {
    const to = (where: "earliest" | "latest") => [...offsetsWanted(details, { to: where, partition: undefined })];
    expect(to("earliest")).toEqual([
      [0, 3n],
      [1, 0n],
    ]);
    expect(to("latest")).toEqual([
      [0, 9n],
      [1, 0n],
    ]);
  });

  test("an offset is of one partition, and one that it has", () => {
    expect([...offsetsWanted(details, { to: 9n, partition: 0 })]).toEqual([[0, 9n]]);
    expect(() => offsetsWanted(details, { to: 9n, partition: undefined })).toThrow("--partition");
    expect(() => offsetsWanted(details, { to: 2n, partition: 0 })).toThrow("has offsets 3 to 9");
    expect(() => offsetsWanted(details, { to: 10n, partition: 0 })).toThrow("has offsets 3 to 9");
    expect(() => offsetsWanted(details, { to: "latest", partition: 2 })).toThrow("has partitions 0 to 1");
  });
});

test("a replay takes what is there and was not replayed before", () => {
  const at = (replayed: [number, bigint][]) => rangesOf(details, new Map(replayed)).get(0);
  expect(at([])).toEqual({ from: 3n, to: 9n });
  expect(at([[0, 5n]])).toEqual({ from: 5n, to: 9n });
  expect(at([[0, 12n]])).toEqual({ from: 9n, to: 9n });
});
