import { create } from "@bufbuild/protobuf";
import { type Mq, type OutRecord, outRecord, type Topic } from "#infra/mq/mq.ts";
import {
  type BroadcastRecord,
  BroadcastRecordSchema,
  type Control,
  ControlSchema,
  type DownstreamRecord,
  DownstreamRecordSchema,
  type Probe,
} from "#proto/gen/gochat/mq/v1/downstream_pb.ts";

/** Probes are sent again while they are awaited. */
const againMs = 1000;

/** Waits until a record of its own came back on the downstream topic and on every partition of broadcast: from then on
 *  nothing addressed to this gateway is missed (spec 50 §8). */
export interface Prober {
  /** Rejects with a TimeoutError after `waitMs`, with the signal's reason within a second after it aborted. Not to be
   *  called again before it ended. */
  run(waitMs: number, signal?: AbortSignal): Promise<void>;
  /** Takes a probe that was read. */
  seen(probe: Probe): void;
}

export interface ProberDeps {
  readonly mq: Mq;
  readonly gatewayId: string;
  readonly incarnation: string;
  readonly downstream: Topic<DownstreamRecord>;
  readonly broadcast: Topic<BroadcastRecord>;
}

export function createProber(deps: ProberDeps): Prober {
  const { mq, gatewayId, incarnation, downstream, broadcast } = deps;
  const missing = new Set<string>();
  let arrived = (): void => {};

  function control(nonce: string): Control {
    return create(ControlSchema, { control: { case: "probe", value: { gatewayId, incarnation, nonce } } });
  }

  function records(run: string, partitions: number): OutRecord[] {
    const own = create(DownstreamRecordSchema, {
      gatewayId,
      incarnation,
      createdAtMs: BigInt(Date.now()),
      items: [{ body: { case: "control", value: control(`${run}:own`) } }],
    });
    const out: OutRecord[] = [];
    if (missing.has(`${run}:own`)) out.push(outRecord(downstream, undefined, own) as OutRecord);
    for (let partition = 0; partition < partitions; partition += 1) {
      const nonce = `${run}:${partition}`;
      if (!missing.has(nonce)) continue;
      const value = create(BroadcastRecordSchema, {
        createdAtMs: BigInt(Date.now()),
        body: { case: "control", value: control(nonce) },
      });
      out.push({ topic: broadcast, partition, value } as OutRecord);
    }
    return out;
  }

  return {
    async run(waitMs, signal) {
      const run = Bun.randomUUIDv7();
      const partitions = await mq.partitionsOf(broadcast);
      missing.clear();
      missing.add(`${run}:own`);
      for (let partition = 0; partition < partitions; partition += 1) missing.add(`${run}:${partition}`);
      const all = new Promise<void>((resolve) => {
        arrived = resolve;
      });
      const deadline = Date.now() + waitMs;
      while (missing.size > 0) {
        signal?.throwIfAborted();
        if (Date.now() >= deadline) {
          throw new DOMException(`${missing.size} probes did not come back within ${waitMs} ms`, "TimeoutError");
        }
        await mq.send(records(run, partitions));
        await Promise.race([all, Bun.sleep(againMs)]);
      }
    },
    seen(probe) {
      if (probe.incarnation !== incarnation) return;
      missing.delete(probe.nonce);
      if (missing.size === 0) arrived();
    },
  };
}
