import { afterEach, beforeEach, describe } from "bun:test";
import { boundRules } from "./conformance-bounds.ts";
import { disposeRules, failureRules } from "./conformance-failures.ts";
import { groupRules, restartRules } from "./conformance-groups.ts";
import { holdRules } from "./conformance-holds.ts";
import type { Context, MqUnderTest } from "./conformance-kit.ts";
import { orderRules } from "./conformance-order.ts";
import type { Mq } from "./mq.ts";

/** The contract of `Mq`. `createMq` is called before every test, the suite disposes. */
export function mqConformance(name: string, createMq: () => Promise<MqUnderTest>): void {
  describe(`mq: ${name}`, () => {
    let under: MqUnderTest;
    let mq: Mq;
    beforeEach(async () => {
      under = await createMq();
      mq = under.mq;
    });
    afterEach(async () => {
      await mq[Symbol.asyncDispose]();
    });
    const context: Context = {
      get under() {
        return under;
      },
      get mq() {
        return mq;
      },
      async restart() {
        if (under.restart === undefined) return false;
        mq = await under.restart();
        return true;
      },
    };
    for (const durable of [true, false]) {
      describe(durable ? "durable topic" : "volatile topic", () => {
        orderRules(context, durable);
        groupRules(context, durable);
        failureRules(context, durable);
        holdRules(context, durable);
        disposeRules(context, durable);
      });
    }
    restartRules(context);
    boundRules(context);
  });
}
