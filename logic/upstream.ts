import type { Logger } from "#infra/clog/clog.ts";
import type { Subscription } from "#infra/mq/mq.ts";
import { type Batch, type DeadRecord, type Mq, MqFullError, MqUnavailableError, type Outcome } from "#infra/mq/mq.ts";
import { parentOfBatch } from "#infra/trace/mq.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { ERRORS, isAppError } from "#proto/errors.ts";
import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import { COMMIT_BYTES_MAX, COMMIT_ITEMS_MAX } from "#proto/limits.ts";
import { groups, topics } from "#proto/topics.ts";
import type { Committed } from "./delivery.ts";
import type { Pipeline } from "./pipeline.ts";

export interface UpstreamDeps {
  readonly mq: Mq;
  readonly pipeline: Pipeline;
  readonly clog: Logger;
  readonly tracer: Tracer;
}

/** Consumes the sends that gateways took from their sockets: one batch per partition in flight, its offset committed
 *  after the commit in the database and the produces (spec 50 §4). What cannot be decided pauses the partition and is
 *  left unanswered; the clients keep "sending". */
export function subscribeUpstream(deps: UpstreamDeps): Promise<Subscription> {
  return deps.mq.subscribe(
    topics.upstream,
    {
      group: groups.upstream,
      from: "earliest",
      commits: true,
      recordsMax: COMMIT_ITEMS_MAX,
      bytesMax: COMMIT_BYTES_MAX,
      onReset: (reason) => deps.clog.info("upstream consumer was reset", { reason }),
    },
    (batch) => handleUpstream(batch, deps.pipeline, parentOfBatch(deps.tracer, batch.records)),
  );
}

/** One batch of one partition. Exported for its test. */
export async function handleUpstream(
  batch: Batch<UpstreamMessage>,
  pipeline: Pipeline,
  parent?: string,
): Promise<Outcome> {
  let committed: Committed;
  try {
    committed = await pipeline.commit(
      batch.records.map((record) => record.value),
      "ws",
      parent,
    );
  } catch (error) {
    return paused(error, "commit");
  }
  try {
    await pipeline.deliver(committed);
  } catch (error) {
    // What is stored is found again as a duplicate when the batch comes back: same ids, acked and pushed again.
    if (error instanceof MqFullError || error instanceof MqUnavailableError) return { done: 0, pause: error.message };
    throw error;
  }
  return outcomeOf(committed);
}

function outcomeOf(committed: Committed): Outcome {
  const dead: DeadRecord[] = [];
  let done = committed.outcomes.length;
  for (const [index, outcome] of committed.outcomes.entries()) {
    if (outcome.at === "open") {
      done = index;
      break;
    }
    // Refused by the store alone, before the commit: never acked as stored, kept for an operator (spec 50 §5).
    if (outcome.at === "rejected" && outcome.code === "INTERNAL_ERROR") {
      dead.push({ index, code: outcome.code, message: outcome.message ?? ERRORS.INTERNAL_ERROR.message });
    }
  }
  return done === committed.outcomes.length ? { done, dead } : { done, dead, pause: "not known to have committed" };
}

/** Nothing is known to be stored, so nothing is answered. Only an error that says the request itself is wrong is thrown
 *  on: the log halves the batch until it has found the record. */
function paused(error: unknown, step: string): Outcome {
  if (isAppError(error, "INVALID_PARAMETER") || isAppError(error, "PAYLOAD_TOO_LARGE")) throw error;
  if (isAppError(error)) return { done: 0, pause: `${step}: ${error.code}` };
  return { done: 0, pause: `${step}: ${error instanceof Error ? error.name : "unknown error"}` };
}
