import { setDefaultTimeout, test } from "bun:test";
import { mqConformance } from "./conformance.ts";
import { all, reading } from "./conformance-kit.ts";
import { clusterRules } from "./kafka-cluster-rules.ts";
import { clustersOf, connect } from "./kafka-live-kit.ts";

setDefaultTimeout(30_000);
const clusters = clustersOf(process.env.GOCHAT_TEST_KAFKA);

if (clusters.length === 0) {
  test.skip("mq: Kafka (skipped: GOCHAT_TEST_KAFKA names no broker)", () => {});
}

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
