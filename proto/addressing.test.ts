import { expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type AddressedConversation, type AddressedRow, addressBatch, recordBytesMax } from "./addressing.ts";
import { RoomModeChangeSchema } from "./gen/gochat/common/v1/change_pb.ts";
import { ConversationType } from "./gen/gochat/common/v1/conversation_pb.ts";
import { MessageKind, MessageSchema } from "./gen/gochat/common/v1/message_pb.ts";
import {
  AckSchema,
  AckStatus,
  type DownstreamRecord,
  DownstreamRecordSchema,
} from "./gen/gochat/mq/v1/downstream_pb.ts";
import { downstreamTopic, topics } from "./topics.ts";

function row(seq: number, content = "hi", originSessionId = ""): AddressedRow {
  const message = create(MessageSchema, {
    id: String(7_000_000_000_000_000_000n + BigInt(seq)),
    seqId: BigInt(seq),
    content,
    kind: MessageKind.MESSAGE,
  });
  return { message, originSessionId };
}

function roomMode(seq: number, room: boolean): AddressedRow {
  const change = { case: "roomMode" as const, value: create(RoomModeChangeSchema, { room }) };
  const message = create(MessageSchema, {
    id: String(seq),
    seqId: BigInt(seq),
    kind: MessageKind.CHANGE,
    changeType: "room_mode",
    change,
  });
  return { message, originSessionId: "" };
}

function conversation(rows: AddressedRow[], change: Partial<AddressedConversation> = {}): AddressedConversation {
  const routes = [{ gatewayId: "gateway-1", incarnation: "i1", userIds: [1n, 2n] }];
  const type = ConversationType.GROUP;
  return { conversationId: "c", type, isRoom: false, membersSeq: 3n, routes, rows, ...change };
}

const seqs = (record: DownstreamRecord | undefined): number[] =>
  (record?.items ?? []).flatMap(({ body }) =>
    body.case === "push" ? body.value.rows.map((r) => Number(r.message?.seqId)) : [],
  );

const ack = (sessionId: string, clientMsgId: string) =>
  create(AckSchema, { sessionId, clientMsgId, status: AckStatus.SUCCESS });

test("spec 50 §3: one record per gateway, acks by session first, then a push item per conversation", () => {
  const { downstream, fanout, feed } = addressBatch({
    conversations: [
      conversation([row(1, "a", "s1"), row(2)], {
        routes: [
          { gatewayId: "gateway-1", incarnation: "i1", userIds: [1n] },
          { gatewayId: "gateway-2", incarnation: "i2", userIds: [2n, 3n] },
          { gatewayId: "gateway-3", incarnation: "i3", userIds: [] },
        ],
      }),
      conversation([row(9)], { conversationId: "d" }),
    ],
    acks: [
      { gatewayId: "gateway-1", incarnation: "i1", ack: ack("s1", "m1") },
      { gatewayId: "gateway-9", incarnation: "i9", ack: ack("s9", "m3") },
      { gatewayId: "gateway-1", incarnation: "i1", ack: ack("s1", "m2") },
    ],
    nowMs: 5,
  });
  expect(fanout).toEqual([]);
  expect(downstream.map((record) => [record.gatewayId, record.incarnation, record.createdAtMs])).toEqual([
    ["gateway-1", "i1", 5n],
    ["gateway-9", "i9", 5n],
    ["gateway-2", "i2", 5n],
  ]);
  const [first, , second] = downstream;
  expect(first?.items.map(({ target, body }) => [target.case, body.case])).toEqual([
    ["sessions", "acks"],
    ["users", "push"],
    ["users", "push"],
  ]);
  const [acks, push, other] = first?.items ?? [];
  expect(acks?.target.value).toMatchObject({ sessionIds: ["s1"] });
  expect(acks?.body.value).toMatchObject({ acks: [{ clientMsgId: "m1" }, { clientMsgId: "m2" }] });
  expect(push?.target.value).toMatchObject({ userIds: [1n] });
  expect(push?.body.value).toMatchObject({ conversationId: "c", membersSeq: 3n });
  expect(other?.body.value).toMatchObject({ conversationId: "d" });
  expect(push?.body.case === "push" && push.body.value.rows.map((r) => r.originSessionId)).toEqual(["s1", ""]);
  // One body for all gateways.
  expect(second?.items[0]?.body.value).toBe(push?.body.value as never);
  expect(feed.map((one) => [one.conversationId, one.fromSeq, one.toSeq, one.rows.length])).toEqual([
    ["c", 1n, 2n, 2],
    ["d", 9n, 9n, 1],
  ]);
});

test("another incarnation of a gateway gets a record of its own", () => {
  const { downstream } = addressBatch({
    conversations: [conversation([row(1)])],
    acks: [{ gatewayId: "gateway-1", incarnation: "i0", ack: ack("s", "m") }],
  });
  expect(downstream.map(({ incarnation, items }) => [incarnation, items.length])).toEqual([
    ["i0", 1],
    ["i1", 1],
  ]);
});

test("G5: a room is one task per batch, without gateways; ≤ 500 rows each, in order", () => {
  const rows = Array.from({ length: 501 }, (_, i) => row(i + 1));
  const type = ConversationType.WORLD;
  const { downstream, fanout, feed } = addressBatch({
    conversations: [conversation(rows, { conversationId: "world", type, isRoom: true, routes: [], traceId: "t" })],
    acks: [],
  });
  expect(downstream).toEqual([]);
  expect(fanout.map((task) => task.rows.length)).toEqual([500, 1]);
  expect(fanout.flatMap((task) => task.rows.map((r) => r.message?.seqId))).toEqual(rows.map((r) => r.message.seqId));
  expect(fanout[0]).toMatchObject({ traceId: "t", conversationId: "world", conversationType: type, membersSeq: 3n });
  expect(feed[0]?.rows).toHaveLength(501);
});

test("G4: a record is ≤ 512 KiB on the wire, more is several in order", () => {
  const wide = "世".repeat(5000);
  const rows = Array.from({ length: 100 }, (_, i) => row(i + 1, wide));
  const listed = addressBatch({ conversations: [conversation(rows)], acks: [] });
  expect(listed.downstream.length).toBeGreaterThan(2);
  expect(listed.downstream.flatMap(seqs)).toEqual(rows.map((_, i) => i + 1));
  for (const record of listed.downstream) {
    expect(downstreamTopic("gateway-1").codec.encode(record).byteLength).toBeLessThanOrEqual(recordBytesMax);
  }
  const room = addressBatch({ conversations: [conversation(rows, { isRoom: true })], acks: [] });
  expect(room.fanout.length).toBeGreaterThan(2);
  for (const task of room.fanout)
    expect(topics.fanout.codec.encode(task).byteLength).toBeLessThanOrEqual(recordBytesMax);
});

test("spec 50 §3: a target has at most 1000 users, and each of them every row in order", () => {
  const userIds = Array.from({ length: 2500 }, (_, i) => BigInt(i + 1));
  const routes = [{ gatewayId: "gateway-1", incarnation: "i1", userIds }];
  const rows = Array.from({ length: 501 }, (_, i) => row(i + 1));
  const { downstream } = addressBatch({ conversations: [conversation(rows, { routes })], acks: [] });
  const seen = new Map<bigint, bigint[]>();
  for (const { target, body } of downstream.flatMap((record) => record.items)) {
    if (target.case !== "users" || body.case !== "push") throw new Error("not a listed push");
    expect(target.value.userIds.length).toBeLessThanOrEqual(1000);
    for (const user of target.value.userIds) {
      seen.set(user, [...(seen.get(user) ?? []), ...body.value.rows.map((r) => r.message?.seqId ?? 0n)]);
    }
  }
  expect(seen.size).toBe(2500);
  for (const all of seen.values()) expect(all).toEqual(rows.map((r) => r.message.seqId));
});

test("spec 50 §3: the row that makes a room is listed, the one that ends it is the room's last", () => {
  const on = addressBatch({
    conversations: [conversation([row(1), roomMode(2, true), row(3)], { isRoom: true })],
    acks: [],
  });
  expect(on.downstream.flatMap(seqs)).toEqual([1, 2]);
  expect(on.fanout.flatMap((task) => task.rows.map((r) => Number(r.message?.seqId)))).toEqual([3]);
  const off = addressBatch({ conversations: [conversation([row(1), roomMode(2, false), row(3)])], acks: [] });
  expect(off.fanout.flatMap((task) => task.rows.map((r) => Number(r.message?.seqId)))).toEqual([1, 2]);
  expect(off.downstream.flatMap(seqs)).toEqual([3]);
});

test("the records are messages like any other: they survive the wire", () => {
  const { downstream, feed, fanout } = addressBatch({
    conversations: [conversation([row(1, "a", "s")]), conversation([row(2)], { isRoom: true })],
    acks: [{ gatewayId: "gateway-1", incarnation: "i1", ack: ack("s", "m") }],
  });
  const [record] = downstream;
  if (record === undefined) throw new Error("no record");
  const back = fromBinary(DownstreamRecordSchema, toBinary(DownstreamRecordSchema, record));
  expect(toBinary(DownstreamRecordSchema, back)).toEqual(toBinary(DownstreamRecordSchema, record));
  expect(back.items).toHaveLength(2);
  for (const task of fanout) expect(topics.fanout.codec.decode(topics.fanout.codec.encode(task)).rows).toHaveLength(1);
  for (const one of feed) expect(topics.persist.codec.decode(topics.persist.codec.encode(one)).toSeq).toBe(one.toSeq);
});

test("nothing stored and nothing to ack is nothing to send", () => {
  expect(addressBatch({ conversations: [conversation([])], acks: [] })).toEqual({
    downstream: [],
    fanout: [],
    feed: [],
  });
});
