import { AssignerProtocol, type Assignment, type PartitionAssigner } from "kafkajs";

const { MemberAssignment, MemberMetadata } = AssignerProtocol;
const name = "gochat-per-topic";
const version = 0;
const noData = Buffer.alloc(0);

/** Gives every topic's partitions to the members that read it, in turn. Each subscription of ours is a member of its own,
 *  so members of one group read different topics; the library's assigner gives all of the leader's topics to everyone. */
export const perTopicAssigner: PartitionAssigner = ({ cluster }) => ({
  name,
  version,
  protocol: ({ topics }) => ({ name, metadata: MemberMetadata.encode({ version, topics, userData: noData }) }),
  async assign({ members }) {
    const readers = new Map<string, string[]>();
    for (const { memberId, memberMetadata } of members) {
      for (const topic of MemberMetadata.decode(memberMetadata)?.topics ?? []) {
        readers.set(topic, [...(readers.get(topic) ?? []), memberId]);
      }
    }
    await cluster.addMultipleTargetTopics([...readers.keys()]);
    const partitions = new Map<string, number[]>();
    for (const topic of readers.keys()) {
      partitions.set(
        topic,
        cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
      );
    }
    return encode(assignPerTopic(readers, partitions));
  },
});

/** Member → topic → partitions. Pure: the same members get the same partitions. */
export function assignPerTopic(
  readers: ReadonlyMap<string, readonly string[]>,
  partitions: ReadonlyMap<string, readonly number[]>,
): Map<string, Assignment> {
  const assigned = new Map<string, Assignment>();
  for (const [topic, members] of readers) {
    const sorted = members.toSorted();
    for (const member of sorted) if (!assigned.has(member)) assigned.set(member, {});
    const ids = (partitions.get(topic) ?? []).toSorted((a, b) => a - b);
    for (const [at, partition] of ids.entries()) {
      const own = assigned.get(sorted[at % sorted.length] ?? "");
      if (own !== undefined) own[topic] = [...(own[topic] ?? []), partition];
    }
  }
  return assigned;
}

function encode(assigned: ReadonlyMap<string, Assignment>): { memberId: string; memberAssignment: Buffer }[] {
  return [...assigned].map(([memberId, assignment]) => {
    return { memberId, memberAssignment: MemberAssignment.encode({ version, assignment, userData: noData }) };
  });
}
