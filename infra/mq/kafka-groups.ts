import type { Admin } from "kafkajs";

export interface GroupRow {
  readonly group: string;
  /** As the broker says it: Stable, Empty, PreparingRebalance … */
  readonly state: string;
  readonly members: number;
}

export interface GroupMember {
  readonly clientId: string;
  readonly host: string;
}

export interface GroupPosition {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the next record that the group has not finished. */
  readonly committed: bigint;
  /** Offset that the next record of the partition will get. */
  readonly high: bigint;
  /** Records that the group has not finished. */
  readonly lag: bigint;
}

export interface GroupDetails {
  readonly group: string;
  readonly state: string;
  readonly members: readonly GroupMember[];
  /** Of the partitions where it has committed, by topic and partition. */
  readonly positions: readonly GroupPosition[];
}

/** What operators ask about consumer groups. Every call may reject with the client's errors. */
export interface KafkaGroups {
  /** All consumer groups of the cluster, by name. */
  groups(): Promise<GroupRow[]>;
  /** Undefined when the cluster knows no such group. */
  group(name: string): Promise<GroupDetails | undefined>;
  /** Commits these offsets for a group. Rejects when it has members. */
  moveGroup(group: string, topic: string, offsets: ReadonlyMap<number, bigint>): Promise<void>;
}

/** Groups described in one request. */
const groupsAtOnce = 50;
const states = { unknown: "Dead" } as const;

export function createKafkaGroups(admin: Admin): KafkaGroups {
  async function groups(): Promise<GroupRow[]> {
    const names = (await admin.listGroups()).groups.map(({ groupId }) => groupId).toSorted();
    const rows: GroupRow[] = [];
    for (let at = 0; at < names.length; at += groupsAtOnce) {
      const { groups: described } = await admin.describeGroups(names.slice(at, at + groupsAtOnce));
      for (const { groupId, state, members } of described)
        if (state !== states.unknown) rows.push({ group: groupId, state, members: members.length });
    }
    return rows.toSorted((a, b) => (a.group < b.group ? -1 : 1));
  }

  async function group(name: string): Promise<GroupDetails | undefined> {
    const [described] = (await admin.describeGroups([name])).groups;
    if (described === undefined || described.state === states.unknown) return undefined;
    const there = new Set(await admin.listTopics());
    const positions: GroupPosition[] = [];
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId: name })) {
      const committed = partitions.filter(({ offset }) => Number(offset) >= 0);
      if (committed.length === 0 || !there.has(topic)) continue;
      const ends = new Map((await admin.fetchTopicOffsets(topic)).map((one) => [one.partition, BigInt(one.high)]));
      for (const { partition, offset } of committed) {
        const [at, high] = [BigInt(offset), ends.get(partition) ?? 0n];
        positions.push({ topic, partition, committed: at, high, lag: high > at ? high - at : 0n });
      }
    }
    const byPlace = (a: GroupPosition, b: GroupPosition): number =>
      a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
    return {
      group: name,
      state: described.state,
      members: described.members.map(({ clientId, clientHost }) => ({ clientId, host: clientHost })),
      positions: positions.toSorted(byPlace),
    };
  }

  return {
    groups,
    group,
    async moveGroup(name, topic, offsets) {
      const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: String(offset) }));
      await admin.setOffsets({ groupId: name, topic, partitions });
    },
  };
}
