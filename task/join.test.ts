import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { MessageKind, MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { PushRowSchema } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import { type FanoutTask, FanoutTaskSchema } from "#proto/gen/gochat/mq/v1/stored_pb.ts";
import { topics } from "#proto/topics.ts";
import { joinTasks } from "./join.ts";

const limits = { rowsMax: 1000, bytesMax: 512 * 1024 };

function task(conversationId: string, seqs: number[], membersSeq = 0, content = "hi"): FanoutTask {
  const rows = seqs.map((seq) => {
    const message = create(MessageSchema, { id: String(seq), seqId: BigInt(seq), kind: MessageKind.MESSAGE, content });
    return create(PushRowSchema, { message });
  });
  return create(FanoutTaskSchema, { conversationId, membersSeq: BigInt(membersSeq), rows, traceId: `t${seqs[0]}` });
}

const shape = (tasks: FanoutTask[], within = limits) =>
  joinTasks(tasks, within).map(({ push }) => [push.conversationId, push.rows.map((row) => Number(row.message?.seqId))]);

test("spec 50 §4: tasks of one conversation are one push, under the first one's trace", () => {
  const joined = joinTasks([task("a", [1, 2]), task("b", [7]), task("a", [3])], limits);
  expect(joined.map(({ push, traceId }) => [push.conversationId, push.rows.length, traceId])).toEqual([
    ["a", 3, "t1"],
    ["b", 1, "t7"],
  ]);
});

test("a task's own rows are not changed by joining: other readers hold them", () => {
  const first = task("a", [1]);
  joinTasks([first, task("a", [2])], limits);
  expect(first.rows).toHaveLength(1);
});

test("G4: at most 1000 rows and 512 KiB in one push", () => {
  const many = Array.from({ length: 25 }, (_, i) =>
    task(
      "a",
      Array.from({ length: 99 }, (_, n) => i * 99 + n + 1),
    ),
  );
  const joined = joinTasks(many, limits);
  expect(joined.map(({ push }) => push.rows.length)).toEqual([990, 990, 495]);
  const wide = Array.from({ length: 60 }, (_, i) => task("a", [i + 1], 0, "世".repeat(5000)));
  const pushes = joinTasks(wide, limits);
  expect(pushes.flatMap(({ push }) => push.rows)).toHaveLength(60);
  for (const { push } of pushes) {
    const record = {
      $typeName: "gochat.mq.v1.BroadcastRecord",
      createdAtMs: 0n,
      body: { case: "push", value: push },
    } as const;
    expect(topics.broadcast.codec.encode(record).byteLength).toBeLessThanOrEqual(limits.bytesMax);
  }
});

test("spec 50 §3: rows of a push are in seq order: what comes again begins a push of its own", () => {
  expect(shape([task("a", [1, 2]), task("a", [1, 2]), task("a", [3])])).toEqual([
    ["a", [1, 2]],
    ["a", [1, 2, 3]],
  ]);
});

test("spec 50 §4: rows of different members_seq are joined only with the change between them inside", () => {
  // Row 8 is the change: what follows it was written under members_seq 8.
  expect(shape([task("a", [7, 8], 5), task("a", [9], 8), task("a", [10], 8)])).toEqual([["a", [7, 8, 9, 10]]]);
  expect(shape([task("a", [7], 5), task("a", [9], 8)])).toEqual([
    ["a", [7]],
    ["a", [9]],
  ]);
});
