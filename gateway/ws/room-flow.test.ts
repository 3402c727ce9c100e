import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { type Message, MessageKind, MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { ServerFrameSchema } from "#proto/gen/gochat/gateway/v1/server_frame_pb.ts";
import { createGatewayMetrics } from "../metrics.ts";
import { createHub } from "./hub.ts";
import { flushIntervalMs } from "./pace.ts";
import { createRoomFlow, type RoomFlow } from "./room-flow.ts";
import { createRooms } from "./rooms.ts";
import { Session } from "./session.ts";
import type { Carrier, Wire } from "./wire.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** What a client has, by the seqs of its frames. */
interface Reader {
  readonly session: Session;
  /** Rows in the order of arrival. */
  readonly seqs: number[];
  readonly missed: [number, number][];
  frames: number;
}

interface Setting {
  readonly flow: RoomFlow;
  open(carrier: Carrier): Reader;
  /** The next `count` rows of the world, in one batch. */
  push(count: number, kind?: MessageKind): void;
  /** `perSecond` rows for `seconds`, evenly. */
  run(perSecond: number, seconds: number): void;
  advance(ms: number): void;
  last: number;
  lagMs: number;
  shed(): Promise<string[]>;
}

const world = { coalesceAbove: 20, flushMin: 10, flushMax: 100, maxPushPerSecond: 1000, inactivePushInterval: 5000 };

function setUp(changed: Partial<typeof world> = {}): Setting {
  const channels = new Map<string, Set<Reader>>();
  const at = (name: string): Set<Reader> => channels.get(name) ?? new Set();
  const registry = createMetrics();
  const metrics = createGatewayMetrics(registry, createHub());
  const rooms = createRooms(
    {
      publish(name, wire) {
        for (const reader of at(name)) take(reader, wire);
        return 1;
      },
      subscriberCount: (name) => at(name).size,
    },
    metrics,
  );
  let nowMs = 1_000_000;
  const setting: Setting = {
    flow: createRoomFlow(
      { ...world, ...changed },
      { rooms, metrics, clock: () => nowMs, lagMs: () => setting.lagMs, frameOutMax: 65_536 },
    ),
    open(carrier) {
      const device = { deviceId: "", platform: "", carrier, address: "", userAgent: "" };
      const session = new Session("s", { userId: "1", sid: "s", isGuest: false, expiresAtS: 1 }, device, 0);
      const reader: Reader = { session, seqs: [], missed: [], frames: 0 };
      session.state = "open";
      session.socket = {
        subscribe: (name: string) => channels.set(name, at(name).add(reader)),
        unsubscribe: (name: string) => at(name).delete(reader),
        isSubscribed: (name: string) => at(name).has(reader),
        cork: (write: () => void) => write(),
        send: (wire: Wire) => take(reader, wire),
      } as never;
      rooms.subscribe(session, [{ conversationId: "world", membersSeq: 0n }]);
      return reader;
    },
    push(count, kind = MessageKind.MESSAGE) {
      const rows: Message[] = [];
      for (let n = 0; n < count; n += 1) {
        setting.last += 1;
        const seqId = BigInt(setting.last);
        rows.push(create(MessageSchema, { id: String(seqId), conversationId: "world", content: "x", seqId, kind }));
      }
      setting.flow.push("world", rows);
    },
    run(perSecond, seconds) {
      const stepMs = 1000 / perSecond;
      for (let n = 0; n < perSecond * seconds; n += 1) {
        setting.push(1);
        setting.advance(stepMs);
      }
    },
    advance(ms) {
      nowMs += ms;
      jest.advanceTimersByTime(ms);
    },
    last: 0,
    lagMs: 0,
    shed: async () =>
      (await registry.render()).split("\n").filter((line) => line.startsWith("gochat_push_shed_total{")),
  };
  return setting;
}

function take(reader: Reader, wire: Wire): number {
  reader.frames += 1;
  if (typeof wire !== "string") {
    const { payload } = fromBinary(ServerFrameSchema, wire);
    if (payload.case === "newMessage") reader.seqs.push(Number(payload.value.seqId));
    if (payload.case === "newMessages") {
      const { missed, messages } = payload.value;
      if (missed !== undefined) reader.missed.push([Number(missed.fromSeq), Number(missed.toSeq)]);
      reader.seqs.push(...messages.map(({ seqId }) => Number(seqId)));
    }
    if (payload.case === "missed") reader.missed.push([Number(payload.value.fromSeq), Number(payload.value.toSeq)]);
    return 1;
  }
  const { type, data } = JSON.parse(wire);
  const range = type === "missed" ? data : data.missed;
  if (range !== undefined) reader.missed.push([range.fromSeq, range.toSeq]);
  const rows: { seqId: number }[] = type === "new-messages" ? data.messages : type === "missed" ? [] : [data];
  reader.seqs.push(...rows.map(({ seqId }) => seqId));
  return 1;
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

/** Every row up to `last` was shown or announced, exactly once. */
function whole({ seqs, missed }: Reader, last: number): void {
  const announced = missed.flatMap(([from, to]) => upTo(to - from + 1).map((n) => from + n - 1));
  expect([...seqs, ...announced].sort((a, b) => a - b)).toEqual(upTo(last));
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
}

test("DESIGN §3: at low rate each message leaves at once, in a frame of its own", () => {
  const town = setUp();
  const reader = town.open("joined");
  town.run(10, 2);
  expect(reader.frames).toBe(20);
  whole(reader, 20);
});

test.each(["single", "joined", "binary"] as const)(
  "DESIGN §3: above world.coalesce_above a flush per interval carries all, in order: %s",
  (carrier) => {
    const town = setUp();
    const readers = Array.from({ length: 600 }, () => town.open(carrier));
    town.run(500, 2);
    town.advance(100);
    const [reader] = readers;
    if (reader === undefined) throw new Error("no reader");
    expect(reader.missed).toEqual([]);
    whole(reader, 1000);
    if (carrier === "single") expect(reader.frames).toBe(1000);
    else expect(reader.frames).toBeLessThan(150);
  },
);

test("DESIGN §3: the interval is 10 to 100 ms, grows with rate, size and lateness, and is none at low rate", () => {
  const load = { rate: 500, sockets: 1000, lagMs: 0 };
  expect(flushIntervalMs(world, load)).toBe(50);
  expect(flushIntervalMs(world, { ...load, rate: 20 })).toBe(0);
  expect(flushIntervalMs(world, { ...load, rate: 21 })).toBe(10);
  expect(flushIntervalMs(world, { ...load, rate: 5000 })).toBe(100);
  expect(flushIntervalMs(world, { ...load, sockets: 10 })).toBe(10);
  expect(flushIntervalMs(world, { rate: 1, sockets: 10, lagMs: 150 })).toBe(100);
});

test("70 §2: over world.max_push_per_second the newest are kept, the rest is announced exactly and counted", async () => {
  const town = setUp({ maxPushPerSecond: 50 });
  const readers = [town.open("single"), town.open("joined"), town.open("binary")];
  town.run(200, 5);
  town.advance(200);
  for (const reader of readers) {
    whole(reader, 1000);
    expect(reader.seqs.length).toBeLessThan(400);
    expect(reader.seqs.at(-1)).toBe(1000);
  }
  const left = 1000 - (readers[0]?.seqs.length ?? 0);
  expect(await town.shed()).toContain(`gochat_push_shed_total{reason="budget"} ${left}`);
});

test("00 §4: changes are never left out", () => {
  const town = setUp({ maxPushPerSecond: 10 });
  const [reader, away] = [town.open("joined"), town.open("joined")];
  away.session.background = true;
  town.flow.declared(away.session);
  const changes: number[] = [];
  for (let round = 0; round < 100; round += 1) {
    town.push(5);
    town.push(1, MessageKind.CHANGE);
    changes.push(town.last);
    town.advance(20);
  }
  town.advance(6000);
  for (const one of [reader, away]) {
    whole(one, town.last);
    expect(one.seqs).toEqual(expect.arrayContaining(changes));
    expect(one.missed.length).toBeGreaterThan(0);
  }
});

test("00 §4: under load the background gets one joined push per interval, what is left out is announced", async () => {
  const town = setUp();
  const [reader, away] = [town.open("joined"), town.open("joined")];
  away.session.background = true;
  town.flow.declared(away.session);
  town.run(100, 12);
  // The first twenty came before the rate was known to be high.
  expect(away.frames).toBeLessThanOrEqual(25);
  town.advance(6000);
  expect(reader.missed).toEqual([]);
  whole(reader, 1200);
  whole(away, 1200);
  expect(away.seqs.length).toBeLessThan(150);
  expect((await town.shed()).join()).toContain(`{reason="background"} ${1200 - away.seqs.length}`);
});

test("00 §4: the background is served as everybody else while there is no load", () => {
  const town = setUp();
  const away = town.open("single");
  away.session.background = true;
  town.flow.declared(away.session);
  town.run(10, 2);
  expect(away.seqs).toEqual(upTo(20));
  town.lagMs = 300;
  town.run(10, 2);
  expect(away.seqs).toEqual(upTo(20));
});

test("00 §4: going to the background and back under load neither loses nor doubles a row", () => {
  const town = setUp({ inactivePushInterval: 700 });
  const readers = [town.open("joined"), town.open("single"), town.open("binary")];
  for (let round = 0; round < 60; round += 1) {
    town.run(100, 0.1 + (round % 7) / 10);
    for (const [index, { session }] of readers.entries()) {
      if (round % (index + 2) !== 0) continue;
      session.background = !session.background;
      town.flow.declared(session);
    }
  }
  town.advance(6000);
  for (const reader of readers) whole(reader, town.last);
});

test("G4: what waits is bounded: a burst leaves before its interval ends; a stop leaves nothing", () => {
  const town = setUp({ maxPushPerSecond: 100_000 });
  const reader = town.open("joined");
  town.push(1);
  town.push(1500);
  expect(reader.seqs).toEqual(upTo(1501));
  town.push(7);
  expect(reader.seqs).toHaveLength(1501);
  town.flow.stop();
  expect(reader.seqs).toEqual(upTo(1508));
});
