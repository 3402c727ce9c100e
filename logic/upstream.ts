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
import type { SendOutcome } from "./message/outcome.ts";
import type { Pipeline } from "./pipeline.ts";
import { createUpstreamJoin, type UpstreamJoin } from "./upstream-join.ts";
import { createWorldPace } from "./world-pace.ts";

export interface UpstreamDeps {
  readonly mq: Mq;
  readonly pipeline: Pipeline;
  readonly clog: Logger;
  readonly tracer: Tracer;
}

/** Commits at once. More than one only while one takes longer than `patienceMs`: a lock that is waited for. */
const commitsMax = 4;
const patienceMs = 100;

/** Consumes the sends that gateways took from their sockets: one batch per partition in flight, its offset committed
 *  after the commit in the database and the produces (spec 50 §4); batches of partitions that come together share a
 *  commit. A partition rests between commits of a busy world (`world-pace.ts`). What cannot be decided pauses the partition and is left unanswered; the clients keep "sending". */
export function subscribeUpstream(deps: UpstreamDeps): Promise<Subscription> {
  const join = createJoin(deps.pipeline);
  const pace = createWorldPace(() => performance.now());
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
    async (batch) => {
      const outcome = await handleUpstream(batch, join, parentOfBatch(deps.tracer, batch.records));
      // All is answered: what rests is the partition, before its next batch.
      const restMs = outcome.pause === undefined ? pace.restMs(batch.records.map(({ value }) => value)) : 0;
      if (restMs > 0) await Bun.sleep(restMs);
      return outcome;
    },
  );
}

/** Told apart from an error of the produces, after which the sends are stored. */
class CommitError extends Error {
  override readonly name = "CommitError";
}

/** The way of joined batches through the pipeline. Exported for its test. */
export function createJoin(pipeline: Pipeline): UpstreamJoin<SendOutcome> {
  return createUpstreamJoin<Committed, SendOutcome>(
    { messagesMax: COMMIT_ITEMS_MAX, bytesMax: COMMIT_BYTES_MAX, commitsMax, patienceMs },
    {
      sizeOf: topics.upstream.codec.sizeOf,
      commit: ({ sends, parent }) =>
        pipeline.commit(sends, "ws", parent).catch((cause: unknown) => {
          throw new CommitError("commit", { cause });
        }),
      async deliver(committed) {
        await pipeline.deliver(committed);
        return committed.outcomes;
      },
      isOwnFault: (error) => error instanceof CommitError && isRequestWrong(error.cause),
    },
  );
}

/** One batch of one partition. Exported for its test. */
export async function handleUpstream(
  batch: Batch<UpstreamMessage>,
  join: UpstreamJoin<SendOutcome>,
  parent?: string,
): Promise<Outcome> {
  try {
    return outcomeOf(
      await join.handle(
        batch.records.map((record) => record.value),
        parent,
      ),
    );
  } catch (error) {
    if (error instanceof CommitError) return paused(error.cause, "commit");
    // What is stored is found again as a duplicate when the batch comes back: same ids, acked and pushed again.
    if (error instanceof MqFullError || error instanceof MqUnavailableError) return { done: 0, pause: error.message };
    throw error;
  }
}

function outcomeOf(outcomes: readonly SendOutcome[]): Outcome {
  const dead: DeadRecord[] = [];
  let done = outcomes.length;
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.at === "open") {
      done = index;
      break;
    }
    // Refused by the store alone, before the commit: never acked as stored, kept for an operator (spec 50 §5).
    if (outcome.at === "rejected" && outcome.code === "INTERNAL_ERROR") {
      dead.push({ index, code: outcome.code, message: outcome.message ?? ERRORS.INTERNAL_ERROR.message });
    }
  }
  return done === outcomes.length ? { done, dead } : { done, dead, pause: "not known to have committed" };
}

/** Nothing is known to be stored, so nothing is answered. Only an error that says the request itself is wrong is thrown
 *  on: the log halves the batch until it has found the record. */
function paused(error: unknown, step: string): Outcome {
  if (isRequestWrong(error)) throw error;
  if (isAppError(error)) return { done: 0, pause: `${step}: ${error.code}` };
  return { done: 0, pause: `${step}: ${error instanceof Error ? error.name : "unknown error"}` };
}

function isRequestWrong(error: unknown): boolean {
  return isAppError(error, "INVALID_PARAMETER") || isAppError(error, "PAYLOAD_TOO_LARGE");
}
