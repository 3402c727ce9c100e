import { create } from "@bufbuild/protobuf";
import { type BroadcastRecord, BroadcastRecordSchema } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";

/** While the routes cannot be read the gateways are told again after this time: each of them spreads one over 10 s. */
const repeatMs = 10_000;

export interface ResyncWatch {
  /** Takes what one read of the routes said. `runId` is the cache primary's, empty when nothing was read. */
  observe(routesKnown: boolean, runId: string): void;
  /** The control record that is owed to every gateway, once. */
  take(): BroadcastRecord | undefined;
  /** The record taken before did not reach the log: it is owed again. */
  giveBack(record: BroadcastRecord): void;
}

/** Decides when pushes may have been missed without anybody noticing (spec 50 §5): the routes were unreadable, or they
 *  were read under another run id of the cache's primary than before. One `Control RESYNC` per run id; while reads fail
 *  one at most every 10 s, and one more when they succeed again, because clients that synced meanwhile missed what was
 *  committed after. */
export function createResyncWatch(clock: () => number): ResyncWatch {
  let lastRunId: string | undefined;
  let unreadable = false;
  let toldMs = Number.NEGATIVE_INFINITY;
  let owed: BroadcastRecord | undefined;

  function owe(runId: string): void {
    owed = create(BroadcastRecordSchema, {
      createdAtMs: BigInt(clock()),
      body: {
        case: "control",
        value: { control: { case: "resync", value: { cacheRunId: runId } } },
      },
    });
  }

  return {
    observe(routesKnown, runId) {
      if (!routesKnown) {
        unreadable = true;
        if (clock() - toldMs < repeatMs) return;
        toldMs = clock();
        owe("");
        return;
      }
      // Batches of rooms read no routes.
      if (runId === "") return;
      if (unreadable || (lastRunId !== undefined && lastRunId !== runId)) owe(runId);
      unreadable = false;
      toldMs = Number.NEGATIVE_INFINITY;
      lastRunId = runId;
    },
    take() {
      const record = owed;
      owed = undefined;
      return record;
    },
    giveBack(record) {
      owed ??= record;
    },
  };
}
