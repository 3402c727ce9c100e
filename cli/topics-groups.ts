import type { LagRow, TopicDetails } from "#infra/mq/kafka-admin.ts";
import { sleepFor } from "#infra/retry/retry.ts";
import { UsageError } from "./command-line.ts";
import type { TopicsOptions } from "./topics-options.ts";
import { table, type Verb } from "./topics-view.ts";

/** Between two looks of `monitor`, ms. */
const lookMs = 1000;

export const lag: Verb = async ({ admin, options, print }) => {
  const [group] = options.words;
  const rows = await admin.lag(group);
  if (rows.length === 0) print(nothingOf(group));
  else print(lagTable(rows));
  return 0;
};

function nothingOf(group: string | undefined): string {
  return group === undefined ? "No group has committed anything." : `Group ${group} has committed nothing.`;
}

function lagTable(all: readonly LagRow[]): string {
  const rows = all.map((one) => [one.group, one.topic, String(one.partitions), String(one.lag)]);
  return table([["GROUP", "TOPIC", "PARTITIONS", "LAG"], ...rows]);
}

/** The lag every second, with what it grew by since the last look. */
export const monitor: Verb = async ({ admin, options, print, signal }) => {
  const [group] = options.words;
  const before = new Map<string, bigint>();
  for (let looks = 1; ; looks += 1) {
    const all = await admin.lag(group);
    const rows = all.map(({ group: name, topic, lag: now }) => {
      const last = before.get(`${name} ${topic}`);
      before.set(`${name} ${topic}`, now);
      const change = last === undefined ? 0n : now - last;
      return [name, topic, String(now), `${change > 0n ? "+" : ""}${change}`];
    });
    const time = new Date().toISOString().slice(11, 19);
    print(
      rows.length === 0 ? `${time} ${nothingOf(group)}` : table([[`${time} GROUP`, "TOPIC", "LAG", "CHANGE"], ...rows]),
    );
    if (looks === options.seconds) return 0;
    await sleepFor(lookMs, signal).catch(() => {});
    if (signal?.aborted === true) return 0;
  }
};

export const listGroups: Verb = async ({ admin, print }) => {
  const rows = (await admin.groups()).map((one) => [one.group, one.state, String(one.members)]);
  print(rows.length === 0 ? "There is no consumer group." : table([["GROUP", "STATE", "MEMBERS"], ...rows]));
  return 0;
};

export const describeGroup: Verb = async ({ admin, options, print }) => {
  const [name = ""] = options.words;
  const group = await admin.group(name);
  if (group === undefined) {
    print(`There is no consumer group ${name} on this cluster.`);
    return 1;
  }
  print(`${group.group}: ${group.state}, ${membersOf(group.members.length)}`);
  for (const { clientId, host } of group.members) print(`  ${clientId} at ${host}`);
  const rows = group.positions.map((one) => [
    one.topic,
    String(one.partition),
    String(one.committed),
    String(one.high),
    String(one.lag),
  ]);
  if (rows.length > 0) print(table([["TOPIC", "PARTITION", "COMMITTED", "NEXT", "LAG"], ...rows]));
  return 0;
};

function membersOf(count: number): string {
  return count === 1 ? "1 member" : `${count} members`;
}

/** Moves a group's place in a topic; a group with members is left alone, they would commit over it. */
export const resetOffset: Verb = async ({ admin, options, print }) => {
  const [name = "", topic = ""] = options.words;
  const [group, details] = await Promise.all([admin.group(name), admin.describe(topic)]);
  if (details === undefined || group === undefined) {
    print(`There is no ${group === undefined ? `consumer group ${name}` : `topic ${topic}`} on this cluster.`);
    return 1;
  }
  if (group.members.length > 0) {
    print(`Group ${name} has ${membersOf(group.members.length)}. Stop what reads in it first.`);
    return 1;
  }
  const wanted = offsetsWanted(details, options);
  const committed = new Map(
    group.positions.filter((one) => one.topic === topic).map(({ partition, committed: at }) => [partition, at]),
  );
  const rows = [...wanted].map(([partition, to]) => [
    String(partition),
    String(committed.get(partition) ?? "-"),
    String(to),
  ]);
  print(table([["PARTITION", "FROM", "TO"], ...rows]));
  if (options.dryRun) {
    print("Nothing was changed.");
    return 0;
  }
  await admin.moveGroup(name, topic, wanted);
  return 0;
};

/** Partition → offset. Throws UsageError for what the topic does not have. */
export function offsetsWanted(
  { name, partitions }: TopicDetails,
  { to, partition }: Pick<TopicsOptions, "to" | "partition">,
): Map<number, bigint> {
  const chosen = partition === undefined ? partitions : partitions.filter((one) => one.partition === partition);
  if (chosen.length === 0) throw new UsageError(`Topic ${name} has partitions 0 to ${partitions.length - 1}.`);
  if (typeof to === "bigint" && chosen.length > 1)
    throw new UsageError(`An offset is of one partition: name it by --partition (0 to ${partitions.length - 1}).`);
  return new Map(
    chosen.map(({ partition: at, low, high }) => {
      if (typeof to !== "bigint") return [at, to === "latest" ? high : low];
      if (to < low || to > high) throw new UsageError(`Partition ${at} of ${name} has offsets ${low} to ${high}.`);
      return [at, to];
    }),
  );
}
