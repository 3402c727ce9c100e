import type { PushMessages, PushRow } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { FanoutTask } from "#proto/gen/gochat/mq/v1/stored_pb.ts";
import { rowsBytes } from "#proto/topics.ts";

/** Bounds of one broadcast record. */
export interface JoinLimits {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

export interface JoinedPush {
  readonly push: PushMessages;
  /** Of the first task. */
  readonly traceId: string;
}

interface Open {
  readonly push: PushMessages;
  readonly traceId: string;
  bytes: number;
  /** The task's own array until a second one is joined: it must not be changed, other readers hold it. */
  shared: boolean;
}

/** Joins tasks of one conversation, in their order, into pushes within the limits. Conversations come in the order of
 *  their first task. Rows stay in seq order: a task that does not begin above the last row (redelivered, swept) begins a
 *  push of its own. Tasks of different `membersSeq` are joined only with the change between them inside (spec 50 §4). */
export function joinTasks(tasks: readonly FanoutTask[], limits: JoinLimits): JoinedPush[] {
  const pushes: JoinedPush[] = [];
  const open = new Map<string, Open>();
  for (const task of tasks) {
    const { conversationId, membersSeq, rows, traceId } = task;
    const bytes = rowsBytes(rows);
    const last = open.get(conversationId);
    if (last !== undefined && fits(last, task, bytes, limits)) {
      append(last, rows);
      last.bytes += bytes;
      continue;
    }
    const made: Open = {
      push: { $typeName: "gochat.mq.v1.PushMessages", conversationId, membersSeq, rows },
      traceId,
      bytes,
      shared: true,
    };
    open.set(conversationId, made);
    pushes.push(made);
  }
  return pushes;
}

function fits(open: Open, task: FanoutTask, bytes: number, limits: JoinLimits): boolean {
  const { rows, membersSeq } = open.push;
  if (rows.length + task.rows.length > limits.rowsMax || open.bytes + bytes > limits.bytesMax) return false;
  if (seqOf(task.rows[0]) <= seqOf(rows.at(-1))) return false;
  return membersSeq === task.membersSeq || rows.some((row) => seqOf(row) === task.membersSeq);
}

function append(open: Open, rows: readonly PushRow[]): void {
  if (open.shared) {
    open.push.rows = open.push.rows.slice();
    open.shared = false;
  }
  for (const row of rows) open.push.rows.push(row);
}

function seqOf(row: PushRow | undefined): bigint {
  return row?.message?.seqId ?? 0n;
}
