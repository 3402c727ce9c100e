import { afterAll, setDefaultTimeout, test } from "bun:test";
import { silentLogger } from "../clog/clog.ts";
import { mqConformance } from "./conformance.ts";
import { all, reading, topicPrefix } from "./conformance-kit.ts";
import { connectKafkaAdmin } from "./kafka-admin.ts";
import { clusterRules } from "./kafka-cluster-rules.ts";
import { clustersOf, connect, testSettings } from "./kafka-live-kit.ts";

setDefaultTimeout(30_000);
const { GOCHAT_TEST_KAFKA, GOCHAT_TEST_KAFKA_OLDER } = process.env;
const clusters = [...clustersOf(GOCHAT_TEST_KAFKA), ...clustersOf(GOCHAT_TEST_KAFKA_OLDER)];

if (clusters.length === 0) {
  test.skip("mq: Kafka (skipped: GOCHAT_TEST_KAFKA names no broker)", () => {});
}

afterAll(async () => {
  for (const broker of clusters) {
    await using admin = await connectKafkaAdmin(testSettings(broker), silentLogger);
    const made = await admin.list(topicPrefix);
    if (made.length > 0) await admin.remove(made.map(({ name }) => name));
  }
});

for (const broker of clusters) {
  mqConformance(`Kafka at ${broker}`, async () => {
    let mq = await connect(broker);
    return {
      mq,
      async restart() {
        await mq[Symbol.asyncDispose]();
        mq = await connect(broker);
        return mq;
      },
      // Another member comes and goes: two rebalances.
      async loseGroup(topic, group) {
        const other = await connect(broker);
        await other.subscribe(topic, reading(group), all);
        await other[Symbol.asyncDispose]();
      },
    };
  });
  clusterRules(broker);
}
