import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { silentLogger } from "#infra/clog/clog.ts";
import { createLocalCoord, createLocalRealm } from "#infra/coord/local.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createEmbeddedMq } from "#infra/mq/embedded.ts";
import type { Topic } from "#infra/mq/mq.ts";
import { sleepFor } from "#infra/retry/retry.ts";
import { createDirectClient } from "#infra/rpc/direct.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { AppError } from "#proto/errors.ts";
import { MessageKind, MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { OutboxService } from "#proto/gen/gochat/repo/v1/outbox_service_pb.ts";
import { downstreamTopic, topics } from "#proto/topics.ts";
import { defaultTaskConfig } from "./config.ts";
import { startTask } from "./start.ts";

interface Row {
  readonly id: string;
  readonly conversationId: string;
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** repo as the sweep sees it: seqs are messages, the outbox is a list. Pages hold 3 rows. */
function createRepo(outbox: Row[]) {
  const state = { outbox, routesKnown: true, runId: "r1", away: false, lists: 0, poison: "" };
  const away = () => {
    if (state.away) throw new AppError("SERVICE_UNAVAILABLE");
  };
  const message: Partial<ServiceImpl<typeof MessageService>> = {
    getConversationMessages({ conversationId, startSeqId, endSeqId, limit }) {
      away();
      if (conversationId === "gone") throw new AppError("CONVERSATION_NOT_FOUND");
      if (conversationId === state.poison) throw new AppError("INVALID_PARAMETER");
      const messages = [];
      for (let seq = startSeqId; seq <= endSeqId && messages.length < Math.min(3, limit); seq++) {
        messages.push(
          create(MessageSchema, { id: String(seq), conversationId, seqId: seq, kind: MessageKind.MESSAGE }),
        );
      }
      const next = (messages.at(-1)?.seqId ?? endSeqId) + 1n;
      return { messages, hasMore: next <= endSeqId, nextSeqId: next <= endSeqId ? next : 0n };
    },
  };
  const conversation: Partial<ServiceImpl<typeof ConversationService>> = {
    getConversationRoutes({ conversationIds }) {
      const conversations = conversationIds
        .filter((id) => id !== "gone")
        .map((conversationId) => ({
          conversationId,
          isRoom: conversationId === "world",
          membersSeq: 4n,
          routes: conversationId === "world" ? [] : [{ gatewayId: "gateway-1", incarnation: "i", userIds: [5n] }],
        }));
      return { conversations, routesKnown: state.routesKnown, cacheRunId: state.runId };
    },
  };
  const box: Partial<ServiceImpl<typeof OutboxService>> = {
    listOutbox({ limit, olderThanMs }) {
      away();
      state.lists++;
      expect(olderThanMs).toBe(10_000n);
      const rows = state.outbox.slice(0, limit).map(({ id, conversationId, fromSeq, toSeq }) => ({
        outboxId: id,
        ageMs: 12_000n,
        conversations: [{ conversationId, fromSeq: BigInt(fromSeq), toSeq: BigInt(toSeq) }],
      }));
      return { rows };
    },
    deleteOutbox({ outboxIds }) {
      state.outbox = state.outbox.filter((row) => !outboxIds.includes(row.id));
      return { deleted: outboxIds.length };
    },
  };
  const errors = { errors: connectErrors };
  return {
    state,
    clients: {
      message: createDirectClient(MessageService, message, errors),
      conversation: createDirectClient(ConversationService, conversation, errors),
      outbox: createDirectClient(OutboxService, box, errors),
      friendship: createDirectClient(FriendshipService, {}, errors),
      onlineStatus: createDirectClient(OnlineStatusService, { cleanupExpiredStatus: () => ({}) }, errors),
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (const endMs = Date.now() + 4000; !condition(); await Bun.sleep(1)) {
    if (Date.now() > endMs) throw new Error("not reached");
  }
}

const defaults = defaultTaskConfig("development");
const config = { ...defaults, outbox: { ...defaults.outbox, sweepEvery: 10 } };

async function setup(
  outbox: Row[],
  change: { sweepRows?: number; prepare?: (state: ReturnType<typeof createRepo>["state"]) => void } = {},
) {
  const metrics = createMetrics();
  const mq = createEmbeddedMq({ file: ":memory:", clog: silentLogger, metrics });
  const repo = createRepo(outbox);
  change.prepare?.(repo.state);
  const got = { downstream: [] as number[], broadcast: [] as number[], feed: [] as string[], resyncs: [] as string[] };
  const options = { group: "test", from: "earliest", commits: true, recordsMax: 100, bytesMax: 1e7 } as const;
  const read = <T>(topic: Topic<T>, each: (value: T) => void) =>
    mq.subscribe(topic, options, async ({ records }) => {
      for (const { value } of records) each(value);
      return { done: records.length };
    });
  await read(downstreamTopic("gateway-1"), ({ items }) => {
    for (const { body } of items) {
      if (body.case === "push") got.downstream.push(...body.value.rows.map((row) => Number(row.message?.seqId)));
    }
  });
  await read(topics.broadcast, ({ body }) => {
    if (body.case === "push") got.broadcast.push(...body.value.rows.map((row) => Number(row.message?.seqId)));
    else if (body.case === "control" && body.value.control.case === "resync") {
      got.resyncs.push(body.value.control.value.cacheRunId);
    }
  });
  await read(topics.persist, ({ conversationId, fromSeq, toSeq }) => {
    got.feed.push(`${conversationId} ${fromSeq}-${toSeq}`);
  });
  const realm = createLocalRealm();
  const coord = createLocalCoord({ realm });
  const own = { ...config, outbox: { ...config.outbox, sweepRows: change.sweepRows ?? 500 } };
  const sleep = (ms: number, signal: AbortSignal) => sleepFor(Math.min(ms, 10), signal);
  const start = () =>
    startTask(own, { mq, repo: repo.clients, coord: createLocalCoord({ realm }), clog: silentLogger, metrics, sleep });
  return { mq, repo: repo.state, got, metrics, coord, start };
}

test("spec 50 §5: what is left in the outbox is pushed and fed from the stored rows, then deleted", async () => {
  const { mq, repo, got, metrics, start } = await setup([
    { id: "1", conversationId: "group", fromSeq: 1, toSeq: 7 },
    { id: "2", conversationId: "world", fromSeq: 3, toSeq: 4 },
    { id: "3", conversationId: "group", fromSeq: 6, toSeq: 9 },
    { id: "4", conversationId: "gone", fromSeq: 1, toSeq: 2 },
  ]);
  await using _ = mq;
  await using task = await start();
  await until(() => repo.outbox.length === 0 && got.broadcast.length === 2 && got.feed.length === 2);
  expect(got.downstream).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(got.broadcast).toEqual([3, 4]);
  expect(got.feed.toSorted()).toEqual(["group 1-9", "world 3-4"]);
  expect(got.resyncs).toEqual([]);
  const text = await metrics.render();
  expect(text).toContain("gochat_outbox_swept_total 4");
  await until(() => repo.lists > 2);
  expect(await metrics.render()).toContain("gochat_outbox_oldest_seconds 0");
  expect(task.checks()).toEqual({ log: "ok", outbox: "ok", presence: "ok", notices: "ok" });
});

test("spec 50 §5: a repo that is away pauses the sweep, nothing is given up", async () => {
  const { mq, repo, got, start } = await setup([{ id: "1", conversationId: "group", fromSeq: 1, toSeq: 1 }], {
    prepare: (state) => {
      state.away = true;
    },
  });
  await using _ = mq;
  await using task = await start();
  await until(() => task.checks().outbox === "degraded");
  repo.away = false;
  await until(() => got.downstream.length === 1);
  await until(() => repo.outbox.length === 0 && task.checks().outbox === "ok");
});

test("unreadable presence leaves listed rows in the outbox, a room needs none", async () => {
  const { mq, repo, got, start } = await setup([{ id: "1", conversationId: "group", fromSeq: 1, toSeq: 1 }], {
    prepare: (state) => {
      state.routesKnown = false;
    },
  });
  await using _ = mq;
  await using task = await start();
  await until(() => task.checks().outbox === "degraded");
  expect([repo.outbox.length, got.downstream.length]).toEqual([1, 0]);
  repo.outbox = [{ id: "2", conversationId: "world", fromSeq: 1, toSeq: 1 }];
  await until(() => got.broadcast.length === 1);
});

test("spec 50 §5: routes read under another run id of the cache make one resync", async () => {
  const { mq, repo, got, start } = await setup([{ id: "1", conversationId: "group", fromSeq: 1, toSeq: 1 }]);
  await using _ = mq;
  await using _task = await start();
  await until(() => repo.outbox.length === 0);
  repo.runId = "r2";
  repo.outbox = [{ id: "2", conversationId: "group", fromSeq: 2, toSeq: 2 }];
  await until(() => got.resyncs.length === 1 && repo.outbox.length === 0);
  expect(got.resyncs).toEqual(["r2"]);
});

test("a row that cannot be pushed stays, and the others do not wait for it", async () => {
  const { mq, repo, got, start } = await setup(
    [
      { id: "1", conversationId: "poison", fromSeq: 1, toSeq: 1 },
      { id: "2", conversationId: "group", fromSeq: 2, toSeq: 2 },
    ],
    {
      prepare: (state) => {
        state.poison = "poison";
      },
    },
  );
  await using _ = mq;
  await using _task = await start();
  await until(() => repo.outbox.length === 1);
  expect(repo.outbox[0]?.id).toBe("1");
  expect(got.downstream).toEqual([2]);
  repo.poison = "";
  await until(() => repo.outbox.length === 0);
});

test("a full look is followed by the next one at once, in the order of age", async () => {
  const rows = Array.from({ length: 45 }, (_, i) => ({
    id: String(i),
    conversationId: "group",
    fromSeq: i + 1,
    toSeq: i + 1,
  }));
  const { mq, repo, got, start } = await setup(rows, { sweepRows: 10 });
  await using _ = mq;
  await using _task = await start();
  await until(() => repo.outbox.length === 0 && got.downstream.length === 45);
  expect(got.downstream).toEqual(Array.from({ length: 45 }, (_, i) => i + 1));
});

test("one leader by lock: a second one begins when the first has gone", async () => {
  const { mq, repo, got, coord, start } = await setup([{ id: "1", conversationId: "group", fromSeq: 1, toSeq: 1 }]);
  await using _ = mq;
  const held = await coord.acquire("/locks/outbox-sweeper", { ttlMs: 1000, signal: AbortSignal.timeout(1000) });
  await using _task = await start();
  await Bun.sleep(30);
  expect([repo.lists, got.downstream.length]).toEqual([0, 0]);
  await held.release();
  await until(() => got.downstream.length === 1);
});
