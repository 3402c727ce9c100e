import type { Admin } from "kafkajs";
import type { KafkaSubscription } from "./kafka-consumer.ts";
import { within } from "./kafka-producer.ts";
import { messageOf } from "./kafka-topics.ts";
import type { MqClock, MqHealth } from "./mq.ts";

/** An answer of the brokers is good for so long. */
const freshMs = 5000;
const askMs = 3000;

/** Asks the cluster for its metadata, at most every 5 s and once at a time. `degraded`: it answers, and a group is not
 *  joined. */
export function createHealth(
  admin: Pick<Admin, "describeCluster">,
  subscriptions: Iterable<Pick<KafkaSubscription, "problem">>,
  clock: MqClock,
): () => Promise<MqHealth> {
  let answeredMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<string | undefined> | undefined;

  /** Why there is no answer, if so. */
  async function ask(): Promise<string | undefined> {
    try {
      await within(admin.describeCluster(), askMs, clock);
      answeredMs = clock.now();
      return undefined;
    } catch (error) {
      return messageOf(error);
    } finally {
      asking = undefined;
    }
  }

  return async () => {
    if (clock.now() - answeredMs > freshMs) {
      asking ??= ask();
      const reason = await asking;
      if (reason !== undefined) return { status: "down", reason };
    }
    for (const one of subscriptions) {
      const reason = one.problem();
      if (reason !== undefined) return { status: "degraded", reason };
    }
    return { status: "ok" };
  };
}
