import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { silentLogger } from "#infra/clog/clog.ts";
import { header } from "#infra/mq/headers.ts";
import { connectKafkaAdmin, type KafkaAdmin } from "#infra/mq/kafka-admin.ts";
import { clustersOf, connect, testSettings } from "#infra/mq/kafka-live-kit.ts";
import { deadLetterTopic, type InRecord, type Mq, type Topic } from "#infra/mq/mq.ts";
import { until } from "../test/support/socket.ts";
import { runTopics } from "./topics.ts";
import { replayGroup } from "./topics-replay.ts";

setDefaultTimeout(60_000);
const [broker = ""] = clustersOf(process.env.GOCHAT_TEST_KAFKA);
const env = { GOCHAT_MQ__DRIVER: "kafka", GOCHAT_MQ__KAFKA__BROKERS: broker };
const id = crypto.randomUUID().slice(0, 8);
const notes: Topic<string> = {
  name: `gochat.test-${id}`,
  type: "text",
  codec: { encode: (text) => Buffer.from(text), decode: (bytes) => Buffer.from(bytes).toString(), sizeOf: () => 100 },
  partitions: 2,
  durable: true,
  retentionMs: 3_600_000,
  deadLetter: true,
};
const dead = deadLetterTopic(notes);
const topics: readonly Topic<unknown>[] = [notes as Topic<unknown>, dead as Topic<unknown>];
const group = `gochat.test-${id}.group`;

let mq: Mq;
let admin: KafkaAdmin;
beforeAll(async () => {
  if (broker === "") return;
  mq = await connect(broker);
  admin = await connectKafkaAdmin(testSettings(broker), silentLogger);
});
afterAll(async () => {
  await mq?.[Symbol.asyncDispose]();
  const there = await admin?.list(notes.name);
  if (there !== undefined && there.length > 0) await admin.remove(there.map(({ name }) => name));
  await admin?.[Symbol.asyncDispose]();
});

async function run(line: string): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const code = await runTopics(line.split(" "), { env, topics, print: (one) => lines.push(one) });
  return { code, text: lines.join("\n") };
}

/** Columns of the row that begins with `first`. */
function row(text: string, ...first: string[]): readonly string[] {
  const rows = text.split("\n").map((line) => line.split(/ +/));
  return rows.find((cells) => first.every((cell, at) => cells[at] === cell)) ?? [];
}

/** Reads in `group` until `count` records came. */
async function read(topic: Topic<string>, count: number, from: string = group): Promise<InRecord<string>[]> {
  const got: InRecord<string>[] = [];
  const options = { group: from, from: "earliest", commits: true, recordsMax: 10, bytesMax: 10_000 } as const;
  await using _ = await mq.subscribe(topic, options, async ({ records }) => {
    got.push(...records);
    return { done: records.length };
  });
  await until(`${count} records`, () => got.length >= count);
  return got;
}

describe.skipIf(broker === "")("gochat topics on a real broker", () => {
  test("create makes what is missing; check and list compare it with the definition", async () => {
    expect(await run("check")).toEqual({
      code: 1,
      text: `${notes.name}: missing\n${dead.name}: missing\n2 differences.`,
    });
    expect((await run("create")).text).toContain("2 topics are there, 2 of them new.");
    expect(await run("check")).toEqual({ code: 0, text: "2 topics are as defined." });
    expect(row((await run("list")).text, notes.name)).toEqual([notes.name, "2", "1", "ok"]);
    const changed = [{ ...notes, partitions: 3, retentionMs: 1000 } as Topic<unknown>];
    const lines: string[] = [];
    expect(await runTopics(["check"], { env, topics: changed, print: (line) => lines.push(line) })).toBe(1);
    expect(lines).toContain(`${notes.name}: partitions is 2, expected 3`);
    expect(lines).toContain(`${notes.name}: retention.ms is 3600000, expected 1000`);
    expect(await runTopics(["create"], { env, topics: changed, print: () => {} })).toBe(1);
  });

  test("groups: states, members, lag; reset-offset refuses while there are members", async () => {
    for (const text of ["a", "b", "c"]) await mq.send([{ topic: notes, partition: 0, value: text }]);
    await read(notes, 3);
    await mq.send([{ topic: notes, partition: 0, value: "d" }]);
    expect(row((await run("list-groups")).text, group).slice(1)).toEqual(["Empty", "0"]);
    const described = await run(`describe-group ${group}`);
    expect(described.text).toContain(`${group}: Empty, 0 members`);
    expect(row(described.text, notes.name, "0").slice(2)).toEqual(["3", "4", "1"]);
    expect(row((await run(`lag ${group}`)).text, group).at(-1)).toBe("1");
    expect((await run(`monitor ${group} --seconds 1`)).text).toContain(`${group}`);

    const options = { group, from: "earliest", commits: true, recordsMax: 10, bytesMax: 10_000 } as const;
    {
      await using _ = await mq.subscribe(notes, options, async ({ records }) => ({ done: records.length }));
      const refused = await run(`reset-offset ${group} ${notes.name} --to earliest`);
      expect(refused).toEqual({ code: 1, text: `Group ${group} has 1 member. Stop what reads in it first.` });
    }
  });

  test("reset-offset moves a group without members; a dry run changes nothing", async () => {
    const committed = async () => row((await run(`describe-group ${group}`)).text, notes.name, "0")[2];
    await run(`reset-offset ${group} ${notes.name} --to latest`);
    expect(await committed()).toBe("4");
    expect((await run(`reset-offset ${group} ${notes.name} --to earliest --dry-run`)).text).toContain(
      "Nothing was changed.",
    );
    expect(await committed()).toBe("4");
    expect((await run(`reset-offset ${group} ${notes.name} --to 2 --partition 0`)).code).toBe(0);
    expect(await committed()).toBe("2");
    expect((await read(notes, 2)).map(({ value }) => value)).toEqual(["c", "d"]);
    expect(await run(`reset-offset nobody-${id} ${notes.name} --to latest`)).toMatchObject({ code: 1 });
    expect(await run(`reset-offset ${group} nothing-${id} --to latest`)).toMatchObject({ code: 1 });
  });

  test("replay (spec 50 §5): dead letters go back once, bytes, key and X-Attempts kept", async () => {
    const headers = { [header.attempts]: "3", [header.originPartition]: "1", [header.errorCode]: "BROKEN" };
    await mq.send([
      { topic: dead as Topic<string>, key: "k", value: "with a key", headers },
      { topic: dead as Topic<string>, value: "without", headers },
    ]);
    const dry = await run(`replay ${notes.name} --dry-run`);
    expect(dry.text).toContain(`2 dead letters of ${notes.name} would be replayed.`);
    expect(dry.text).toContain("BROKEN");
    expect(dry.text).not.toContain("with a key");
    expect((await run(`replay ${dead.name}`)).text).toBe(`2 dead letters of ${notes.name} replayed.`);
    const back = await read(notes, 2);
    expect(back.map(({ value, key }) => [value, key]).toSorted()).toEqual([
      ["with a key", "k"],
      ["without", undefined],
    ]);
    for (const { headers: kept } of back) expect(kept).toMatchObject({ [header.attempts]: "3" });
    expect(back.find(({ key }) => key === undefined)?.partition).toBe(1);
    expect((await run(`replay ${notes.name}`)).text).toBe(`0 dead letters of ${notes.name} replayed.`);
    expect((await admin.group(replayGroup))?.members).toEqual([]);
  });
});
