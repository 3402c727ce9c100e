import { afterEach, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { type Mq, type OutRecord, outRecord } from "../../../infra/mq/mq.ts";
import { DownstreamRecordSchema } from "../../../proto/gen/gochat/mq/v1/downstream_pb.ts";
import { downstreamTopic, topics } from "../../../proto/topics.ts";
import { newAccount } from "../../support/api.ts";
import { openSocket, until } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town | undefined;
afterEach(async () => {
  await town?.[Symbol.asyncDispose]();
  town = undefined;
});

async function open(): Promise<Town> {
  town = await openTown((config) => ({ ...config, ws: { ...config.ws, resyncSpread: 0 } }));
  return town;
}

const own = downstreamTopic("gateway-1");

/** More than the topic may hold, in one turn: the log drops what the gateway has not read, and tells it so. */
async function overrun(mq: Mq): Promise<void> {
  const value = create(DownstreamRecordSchema, { gatewayId: "gateway-1", incarnation: "of an earlier life" });
  const records = Array.from({ length: 6000 }, () => outRecord(own, undefined, value) as OutRecord);
  await Promise.all([mq.send(records), mq.send(records)]);
}

/** Nonces of the probes that come from now on, by topic. */
async function probesOf(mq: Mq): Promise<{ downstream: Set<string>; broadcast: Map<number, Set<string>> }> {
  const options = { group: "test.probes", from: "end", commits: false, recordsMax: 100, bytesMax: 1 << 20 } as const;
  const seen = { downstream: new Set<string>(), broadcast: new Map<number, Set<string>>() };
  await mq.subscribe(own, options, async ({ records }) => {
    for (const { value } of records) {
      for (const { body } of value.items) {
        if (body.case === "control" && body.value.control.case === "probe")
          seen.downstream.add(body.value.control.value.nonce);
      }
    }
    return { done: records.length };
  });
  await mq.subscribe(topics.broadcast, options, async ({ records, partition }) => {
    for (const { body } of records.map(({ value }) => value)) {
      if (body.case !== "control" || body.value.control.case !== "probe") continue;
      const nonces = seen.broadcast.get(partition) ?? new Set();
      seen.broadcast.set(partition, nonces.add(body.value.control.value.nonce));
    }
    return { done: records.length };
  });
  return seen;
}

test("50 §8: a reset of a consumer: probe on every partition again, rooms read again, resync to all", async () => {
  const t = await open();
  const [ann, bob] = [await newAccount(t.api), await newAccount(t.api)];
  await using a = await openSocket(t.url, ann.accessToken);
  await using b = await openSocket(t.url, bob.accessToken, { query: { v: "1" } });
  const roomsRead = t.calls("GetRooms");
  const probes = await probesOf(t.mq);
  await overrun(t.mq);
  const [first, second] = await Promise.all([a.next("resync"), b.next("resync")]);
  expect([first.data, second.data]).toEqual([{}, {}]);
  await until("a probe on every partition", () => probes.broadcast.size === topics.broadcast.partitions);
  await until("a probe on its own topic", () => probes.downstream.size >= 1);
  expect(t.calls("GetRooms")).toBeGreaterThan(roomsRead);
  expect(t.log.filter((line) => line.includes("a consumer was reset")).length).toBeGreaterThan(0);
  // Pushes go on, to the rooms too.
  a.send("send-message", { conversationId: "world", content: "after", messageType: 1, client_msg_id: "1" });
  await b.next("new-message", ({ data }) => data.content === "after");
});

test("50 §8: a reset while logic is away is not forgotten: resync comes when the rooms could be read", async () => {
  const t = await open();
  const ann = await newAccount(t.api);
  await using a = await openSocket(t.url, ann.accessToken);
  t.away = "GetRooms";
  await overrun(t.mq);
  await until("a second attempt", () => t.log.filter((line) => line.includes("was not recovered")).length >= 2);
  expect(a.frames.filter(({ type }) => type === "resync")).toEqual([]);
  t.away = undefined;
  await a.next("resync");
});

test("50 §8: a gateway that stops while it recovers ends at once", async () => {
  const t = await open();
  const ann = await newAccount(t.api);
  await using a = await openSocket(t.url, ann.accessToken);
  t.away = "GetRooms";
  await overrun(t.mq);
  await until("an attempt", () => t.log.some((line) => line.includes("was not recovered")));
  const begun = performance.now();
  town = undefined;
  await t[Symbol.asyncDispose]();
  expect(performance.now() - begun).toBeLessThan(5000);
  expect(await a.closed).toBe(1001);
});
