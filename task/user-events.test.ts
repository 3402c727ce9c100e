import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { createEmbeddedMq } from "#infra/mq/embedded.ts";
import { createManualClock } from "#infra/mq/manual-clock.ts";
import { deadLetterTopic, type Mq, outRecord } from "#infra/mq/mq.ts";
import { createDirectClient } from "#infra/rpc/direct.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { AppError } from "#proto/errors.ts";
import { type UserEvent, UserEventSchema } from "#proto/gen/gochat/mq/v1/user_event_pb.ts";
import { FriendshipService } from "#proto/gen/gochat/repo/v1/friendship_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { downstreamTopic, topics } from "#proto/topics.ts";
import { defaultTaskConfig } from "./config.ts";
import { subscribeUserEvents } from "./user-events.ts";

const startMs = 1_700_000_000_000;
const delayMs = 30_000;

async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + 4000; !(await condition()); await Bun.sleep(1)) {
    if (Date.now() > endMs) throw new Error(`not reached: ${what}`);
  }
}

/** Repo as this consumer sees it: who is online, and whose friends are whose. Pages hold one pair. */
function createRepo() {
  const state = { online: new Set<string>(), friends: new Map<string, string[]>(), away: false, asked: 0 };
  const check = () => {
    state.asked += 1;
    if (state.away) throw new AppError("SERVICE_UNAVAILABLE");
  };
  const errors = { errors: connectErrors };
  const sessions = [{ sessionId: "s", gatewayId: "gateway-1", incarnation: "i" }];
  const onlineStatus = createDirectClient(
    OnlineStatusService,
    {
      getUsersOnlineStatus({ userIds }) {
        check();
        return {
          statuses: userIds.map((userId) => {
            const isOnline = state.online.has(userId);
            return { userId, isOnline, sessions: isOnline ? sessions : [] };
          }),
        };
      },
    },
    errors,
  );
  const friendship = createDirectClient(
    FriendshipService,
    {
      getMutualFriends({ userIds, afterUserId, afterFriendId }) {
        check();
        const pairs = userIds.flatMap((userId) => (state.friends.get(userId) ?? []).map((friend) => [userId, friend]));
        const at = pairs.findIndex(([userId, friend]) => userId === afterUserId && friend === afterFriendId);
        const [userId = "", friend = ""] = pairs[at + 1] ?? [];
        if (userId === "") return {};
        return { users: [{ userId, friendIds: [friend] }], nextUserId: userId, nextFriendId: friend };
      },
    },
    errors,
  );
  return { state, clients: { onlineStatus, friendship } };
}

/** A log with a gateway behind it. Friends of 1 are 2 and 3, who are online; of 2 it is 3 alone. */
async function setup(options: { waitingMax?: number } = {}) {
  const metrics = createMetrics();
  const mq = createEmbeddedMq({ file: ":memory:", clog: silentLogger, metrics });
  const clock = createManualClock(startMs);
  const repo = createRepo();
  repo.state.friends.set("1", ["2", "3"]).set("2", ["3"]);
  repo.state.online.add("2").add("3");
  const told: string[] = [];
  const reading = { group: "gateway", from: "earliest", commits: false, recordsMax: 100, bytesMax: 1e7 } as const;
  await mq.subscribe(downstreamTopic("gateway-1"), reading, async ({ records }) => {
    for (const { value } of records) {
      expect(value.incarnation).toBe("i");
      for (const { body, target } of value.items) {
        if (body.case !== "signal" || target.case !== "users") continue;
        expect(body.value.signalType).toBe("online-status");
        const { userId, status, lastSeen } = JSON.parse(new TextDecoder().decode(body.value.payload));
        told.push(`${userId} ${status} ${lastSeen ?? "-"} → ${target.value.userIds.join(",")}`);
      }
    }
    return { done: records.length };
  });
  const { presence } = defaultTaskConfig("development");
  const start = () =>
    subscribeUserEvents(
      { ...presence, offlineDelay: delayMs, offlineWaitingMax: options.waitingMax ?? 100 },
      { mq, repo: repo.clients, clog: silentLogger, metrics, clock, random: () => 0.5 },
    );
  const text = () => metrics.render();
  return { mq, clock, repo: repo.state, told, start, text };
}

type Case = Extract<UserEvent["payload"]["case"], "online" | "offline" | "registered">;

function send(mq: Mq, clock: { now(): number }, ...events: [userId: number, payload: Case][]): Promise<void> {
  const values = { online: {}, offline: { lastSeen: 1234n }, registered: {} };
  return mq.send(
    events.map(([userId, payload]) => {
      const value = create(UserEventSchema, {
        eventType: `user.${payload}`,
        timestampMs: BigInt(clock.now()),
        userId: BigInt(userId),
        payload: { case: payload, value: values[payload] } as UserEvent["payload"],
      });
      return outRecord(topics.userEvents, String(userId), value);
    }),
  );
}

const heldOf = async (text: () => Promise<string>): Promise<number> =>
  Number(/gochat_mq_held\{.*user-events.*\} (\d+)/.exec(await text())?.[1] ?? 0);

/** The same, with 1 gone and waiting to be told of. */
async function departed() {
  const stack = new AsyncDisposableStack();
  const parts = await setup();
  stack.use(parts.mq);
  const consumer = stack.use(await parts.start());
  await send(parts.mq, parts.clock, [1, "offline"]);
  await until("held", async () => (await heldOf(parts.text)) === 1);
  return { ...parts, consumer, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("20 §5: who comes online is told to his friends, page by page; who is not online is no recipient", async () => {
  const { mq, clock, repo, told, start } = await setup();
  await using _m = mq;
  await using _c = await start();
  repo.online.add("1").delete("3");
  await send(mq, clock, [1, "registered"], [1, "online"], [1, "online"]);
  await until("told", () => told.length > 0);
  expect(told).toEqual(["1 online - → 2"]);
});

test("an online event of somebody who has left meanwhile tells nobody", async () => {
  const { mq, clock, told, start, text } = await setup();
  await using _m = mq;
  await using _c = await start();
  await send(mq, clock, [1, "online"]);
  const dropped = /gochat_online_notices_total\{.*online.*dropped.*\} 1/;
  await until("dropped", async () => dropped.test(await text()));
  expect(told).toEqual([]);
});

test("50 §4: offline is told no earlier than 30 s after the event, with the time when he was seen last", async () => {
  await using one = await departed();
  const { clock, told, text } = one;
  clock.advance(delayMs - 1);
  // Nothing but the timer goes on.
  expect(clock.delays()).toEqual([1]);
  expect(told).toEqual([]);
  clock.advance(1);
  await until("told", () => told.length === 2);
  expect(told).toEqual(["1 offline 1234 → 2", "1 offline 1234 → 3"]);
  await until("finished", async () => (await heldOf(text)) === 0);
});

test("50 §4: a break that ends before 30 s is not seen, and what is behind it does not wait", async () => {
  await using one = await departed();
  const { mq, clock, repo, told, text } = one;
  repo.online.add("1");
  await send(mq, clock, [2, "online"], [1, "online"]);
  await until("the other one", () => told.length === 1);
  expect(told).toEqual(["2 online - → 3"]);
  await until("cancelled", async () => (await heldOf(text)) === 0);
  clock.advance(delayMs);
  await send(mq, clock, [2, "online"]);
  await until("the next news", () => told.length === 2);
  expect(told[1]).toBe("2 online - → 3");
});

test("50 §4: when it is due presence decides: a user who is back without an event is told of to nobody", async () => {
  await using one = await departed();
  const { clock, repo, told, text } = one;
  repo.online.add("1");
  clock.advance(delayMs);
  await until("finished", async () => (await heldOf(text)) === 0);
  expect(told).toEqual([]);
});

test("50 §4: a process that ends before 30 s leaves the notice to the next one", async () => {
  const { mq, clock, told, start, text } = await setup();
  await using _m = mq;
  const first = await start();
  await send(mq, clock, [1, "offline"], [2, "registered"]);
  await until("held", async () => (await heldOf(text)) === 1);
  await first[Symbol.asyncDispose]();
  clock.advance(delayMs + 5000);
  await using _c = await start();
  await until("taken again", async () => clock.delays().includes(0) || told.length > 0);
  clock.advance(0);
  await until("told", () => told.length === 2);
});

test("50 §5: with repo away nothing is lost: arrivals pause the partition, departures are tried again", async () => {
  await using one = await departed();
  const { mq, clock, repo, told, text, consumer } = one;
  repo.away = true;
  clock.advance(delayMs);
  await until("tried", () => repo.asked > 0 && consumer.state() === "degraded");
  expect(await heldOf(text)).toBe(1);
  await send(mq, clock, [2, "online"]);
  const asked = repo.asked;
  await until("arrivals were tried", () => repo.asked > asked);
  repo.away = false;
  for (let n = 0; n < 100 && told.length < 2; n += 1) {
    clock.advance(30_000);
    await Bun.sleep(1);
  }
  await until("both", () => told.length === 3);
  expect(told.toSorted()).toEqual(["1 offline 1234 → 2", "1 offline 1234 → 3", "2 online - → 3"].toSorted());
  expect(consumer.state()).toBe("ok");
});

test("50 §4: who comes back while his departure is being told: the last that friends hear is online", async () => {
  await using one = await departed();
  const { mq, clock, repo, told, text, consumer } = one;
  repo.away = true;
  clock.advance(delayMs);
  await until("under way", () => consumer.state() === "degraded");
  repo.away = false;
  repo.online.add("1");
  await send(mq, clock, [1, "online"]);
  await until("online", () => told.length === 2);
  for (let n = 0; n < 100 && consumer.state() === "degraded"; n += 1) {
    clock.advance(30_000);
    await Bun.sleep(1);
  }
  await until("finished", async () => (await heldOf(text)) === 0);
  expect(told).toEqual(["1 online - → 2", "1 online - → 3"]);
});

test("G4: with as many waiting as may, the partition rests until one is due; nothing is lost", async () => {
  const { mq, clock, told, start, text } = await setup({ waitingMax: 1 });
  await using _m = mq;
  await using _c = await start();
  await send(mq, clock, [1, "offline"], [1, "registered"], [1, "offline"]);
  const full = /gochat_mq_held_full_total\{.*user-events.*\} 1/;
  await until("full", async () => full.test(await text()));
  clock.advance(delayMs);
  await until("the first", () => told.length === 2);
  await until("the second is held", async () => (await heldOf(text)) === 1);
  clock.advance(delayMs);
  await until("the second", () => told.length === 4);
});

test("an event without a user is a dead letter, its neighbours are handled", async () => {
  const { mq, clock, repo, told, start } = await setup();
  await using _m = mq;
  await using _c = await start();
  let dead = 0;
  const reading = { group: "tool", from: "earliest", commits: true, recordsMax: 10, bytesMax: 1e6 } as const;
  await mq.subscribe(deadLetterTopic(topics.userEvents), reading, async ({ records }) => {
    dead += records.length;
    return { done: records.length };
  });
  repo.online.add("1");
  await send(mq, clock, [0, "online"], [1, "online"]);
  await until("both", () => dead === 1 && told.length === 2);
});
