import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import {
  type Batch,
  type DeadRecord,
  type Headers,
  type InRecord,
  type Mq,
  MqFullError,
  MqUnavailableError,
  type Outcome,
  type OutRecord,
  type Subscription,
} from "#infra/mq/mq.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import type { BroadcastRecord } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { FanoutTask } from "#proto/gen/gochat/mq/v1/stored_pb.ts";
import { groups, topics } from "#proto/topics.ts";
import { type JoinLimits, joinTasks } from "./join.ts";

export interface FanoutDeps {
  readonly mq: Mq;
  readonly clog: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  /** Unix ms. */
  readonly clock: () => number;
}

/** Consumes what rooms are owed and produces one broadcast record for all gateways per conversation and batch. Nothing
 *  waits for a timer: one flush in flight per partition, and what arrives meanwhile is the next one, so a row is joined
 *  with what came during one produce. The offset moves after the log has acknowledged the broadcast (spec 50 §4). */
export function subscribeFanout(limits: JoinLimits, deps: FanoutDeps): Promise<Subscription> {
  const handle = createFanoutHandler(limits, deps);
  return deps.mq.subscribe(
    topics.fanout,
    { group: groups.fanout, from: "earliest", commits: true, recordsMax: limits.rowsMax, bytesMax: limits.bytesMax },
    handle,
  );
}

const latencyBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];
const rowBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** One batch of one partition. Exported for its test. */
export function createFanoutHandler(
  limits: JoinLimits,
  deps: FanoutDeps,
): (batch: Batch<FanoutTask>) => Promise<Outcome> {
  const latency = deps.metrics
    .histogram("gochat_fanout_latency_seconds", "From the task to the acknowledged broadcast", ["path"], latencyBuckets)
    .with({ path: "room" });
  const rows = deps.metrics
    .histogram("gochat_fanout_batch_rows", "Rows of one broadcast record", [], rowBuckets)
    .with({});

  return async ({ records }) => {
    const tasks: FanoutTask[] = [];
    const dead: DeadRecord[] = [];
    const traces = tracesOf(deps.tracer, records);
    for (const [index, { value }] of records.entries()) {
      if (value.conversationId !== "" && value.rows.length > 0) tasks.push(value);
      else dead.push({ index, code: "INVALID_PARAMETER", message: "a task without a conversation or rows" });
    }
    const createdAtMs = BigInt(deps.clock());
    const pushes = joinTasks(tasks, limits);
    const out: OutRecord<BroadcastRecord>[] = pushes.map(({ push, traceId }) => ({
      topic: topics.broadcast,
      key: push.conversationId,
      value: { $typeName: "gochat.mq.v1.BroadcastRecord", createdAtMs, body: { case: "push", value: push } },
      headers: headersOf(traceId, traces?.get(push.conversationId)),
    }));
    try {
      if (out.length > 0) await deps.mq.send(out);
    } catch (error) {
      if (error instanceof MqFullError || error instanceof MqUnavailableError) return { done: 0, pause: error.message };
      throw error;
    }
    for (const { push } of pushes) rows.observe(push.rows.length);
    const [first] = records;
    if (first !== undefined) latency.observe((deps.clock() - first.producedAtMs) / 1000);
    return { done: records.length, dead };
  };
}

/** By conversation, the first sampled trace of the batch: its spans follow the broadcast. */
function tracesOf(tracer: Tracer, records: readonly InRecord<FanoutTask>[]): Map<string, string> | undefined {
  if (!tracer.enabled) return undefined;
  const traces = new Map<string, string>();
  for (const { value, traceparent } of records) {
    if (traceparent !== undefined && !traces.has(value.conversationId)) traces.set(value.conversationId, traceparent);
  }
  return traces;
}

function headersOf(traceId: string, traceparent: string | undefined): Headers | undefined {
  if (traceparent === undefined) return traceId === "" ? undefined : { "X-Trace-ID": traceId };
  return { ...(traceId === "" ? undefined : { "X-Trace-ID": traceId }), traceparent };
}
