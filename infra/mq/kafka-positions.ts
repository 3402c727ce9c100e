import type { Admin } from "kafkajs";
import type { SubscribeOptions } from "./mq.ts";

/** Where a group is on one partition. */
export interface Place {
  /** What the group has committed; undefined when nothing. */
  readonly committed: number | undefined;
  /** The first record kept, and the offset of the next one to come. */
  readonly low: number;
  readonly high: number;
}

/** Asks the brokers for a group's place on every partition of a topic. `commits: false`: nothing is ever committed. */
export async function placesOf(
  admin: Admin,
  topic: string,
  { group, commits }: Pick<SubscribeOptions, "group" | "commits">,
): Promise<Map<number, Place>> {
  const [committed, bounds] = await Promise.all([
    commits ? admin.fetchOffsets({ groupId: group, topics: [topic] }) : [],
    admin.fetchTopicOffsets(topic),
  ]);
  const offsets = new Map<number, number>();
  for (const { partition, offset } of committed.flatMap(({ partitions }) => partitions)) {
    if (Number(offset) >= 0) offsets.set(partition, Number(offset));
  }
  return new Map(
    bounds.map(({ partition, low, high }) => {
      return [partition, { committed: offsets.get(partition), low: Number(low), high: Number(high) }];
    }),
  );
}

/** Where to begin: behind what is committed, if the log still has it, else at `from`. */
export function startOf(place: Place, from: SubscribeOptions["from"]): { start: number; lost: boolean } {
  const { committed, low, high } = place;
  if (committed !== undefined && committed >= low && committed <= high) return { start: committed, lost: false };
  return { start: from === "end" ? high : low, lost: committed !== undefined };
}
