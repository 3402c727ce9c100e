import { expect, test } from "bun:test";
import { type Context, makeTopic, out, range, reading, recorder, until } from "./conformance-kit.ts";
import { MqFullError } from "./mq.ts";

export function boundRules(at: Context): void {
  test("G4: at the bound a send is refused whole, waiting() says how full it is, and room comes back", async () => {
    const max = at.under.recordsMax;
    if (max === undefined) return;
    const topic = makeTopic({ durable: false });
    const other = makeTopic({ durable: false });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), async (batch, signal) => {
      await gate;
      return got.handler(batch, signal);
    });
    const gotOther = recorder();
    await at.mq.subscribe(other, reading("g"), gotOther.handler);
    await at.mq.send(out(topic, range(0, max - 1)));
    expect(at.mq.waiting(topic)).toEqual({ records: max - 1, bytes: 20 * (max - 1) });
    const refused: unknown = await at.mq
      .send([...out(other, [1]), ...out(topic, [-1, -2])])
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(MqFullError);
    await at.mq.send(out(topic, [max - 1]));
    await at.mq.send(out(other, [2]));
    open();
    await until("all", () => got.records.length >= max && gotOther.records.length >= 1);
    expect(got.numbers()).toEqual(range(0, max));
    expect(gotOther.numbers()).toEqual([2]);
    await until("nothing waits", () => at.mq.waiting().records === 0 && at.mq.waiting().bytes === 0);
    await at.mq.send(out(topic, range(0, max)));
  });

  test("G4: a topic that nobody reads keeps a few and refuses nobody", async () => {
    const max = at.under.recordsMax;
    if (max === undefined) return;
    const topic = makeTopic({ durable: false });
    for (const i of range(0, 30)) await at.mq.send(out(topic, range(i * max, max)));
    expect(at.mq.waiting()).toEqual({ records: 0, bytes: 0 });
    const got = recorder();
    await at.mq.subscribe(topic, reading("g"), got.handler);
    await until("the newest", () => got.numbers().at(-1) === 30 * max - 1);
    expect(got.records.length).toBeLessThanOrEqual(max);
  });

  test("G4: a group that commits nothing is overrun and told, the sender goes on", async () => {
    const max = at.under.recordsMax;
    if (max === undefined) return;
    const topic = makeTopic({ durable: false });
    const reasons: string[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const got = recorder();
    const options = reading("g", { from: "end", commits: false, recordsMax: 1, onReset: (why) => reasons.push(why) });
    await at.mq.subscribe(topic, options, async (batch, signal) => {
      await gate;
      return got.handler(batch, signal);
    });
    for (const i of range(0, 5)) await at.mq.send(out(topic, range(i * max, max)));
    open();
    await until("the newest", () => got.numbers().at(-1) === 5 * max - 1);
    expect(reasons).toHaveLength(1);
    expect(got.records.length).toBeLessThanOrEqual(max + 1);
    expect(got.numbers()).toEqual(got.numbers().toSorted((a, b) => a - b));
  });
}
