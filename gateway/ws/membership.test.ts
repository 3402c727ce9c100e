import { describe, expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { silentLogger } from "#infra/clog/clog.ts";
import { createMetrics } from "#infra/metrics/metrics.ts";
import { type Message, MessageSchema } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { createGatewayMetrics } from "../metrics.ts";
import { createHub } from "./hub.ts";
import { createMembership } from "./membership.ts";
import { createRooms } from "./rooms.ts";
import { Session } from "./session.ts";

const room = "group_1";

function setUp() {
  const subscribed = new Map<string, Set<Session>>();
  const at = (name: string): Set<Session> => subscribed.get(name) ?? new Set();
  const hub = createHub();
  const metrics = createGatewayMetrics(createMetrics(), hub);
  const rooms = createRooms({ publish: () => 1, subscriberCount: (name) => at(name).size }, metrics);
  /** Who listened when a row was published: `seq: users`. */
  const published: string[] = [];
  const resynced: string[] = [];
  const asked: string[][] = [];
  const answers: (() => Promise<{ memberUserIds: string[]; membersSeq: bigint }>)[] = [];
  const membership = createMembership({
    hub,
    rooms,
    flow: {
      push(_, rows) {
        const users = [...at(`0:${room}`)].map(({ userId }) => userId).sort();
        for (const { seqId } of rows) published.push(`${seqId}: ${users.join(",")}`);
      },
      flush: () => undefined,
    },
    resync: {
      spread: (sessions, ids) => {
        for (const { userId } of sessions) resynced.push(`${userId} ${ids.join()}`);
      },
    },
    metrics,
    clog: silentLogger,
    checkMembers(_, userIds) {
      asked.push([...userIds]);
      return answers.shift()?.() ?? Promise.reject(new Error("away"));
    },
  });
  return {
    membership,
    published,
    resynced,
    asked,
    answers,
    /** A session of the user; with `readAt` it listens since a reading of that `members_seq`. */
    open(userId: string, readAt?: bigint): Session {
      const device = { deviceId: "", platform: "", carrier: "single" as const, address: "", userAgent: "" };
      const identity = { userId, sid: "s", isGuest: false, expiresAtS: 1 };
      const session = new Session(`session-${userId}`, identity, device, 0);
      session.state = "open";
      session.socket = {
        subscribe: (name: string) => subscribed.set(name, at(name).add(session)),
        unsubscribe: (name: string) => at(name).delete(session),
        isSubscribed: (name: string) => at(name).has(session),
      } as never;
      hub.add(session);
      if (readAt !== undefined) membership.subscribe(session, [{ conversationId: room, membersSeq: readAt }]);
      return session;
    },
  };
}

const row = (seqId: number, change?: MessageInitShape<typeof MessageSchema>["change"]): Message =>
  create(MessageSchema, { seqId: BigInt(seqId), ...(change === undefined ? {} : { change }) });
const added = (seqId: number, userId: string): Message =>
  row(seqId, { case: "memberAdded", value: { members: [{ userId }] } });
const removed = (seqId: number, userId: string): Message =>
  row(seqId, { case: "memberRemoved", value: { userIds: [userId] } });
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe("spec 50 §3 membership at the gateways", () => {
  test("G7: a member change splits its record: up to it for those before, the rest for those after", () => {
    const at = setUp();
    at.open("1", 5n);
    at.open("2", 5n);
    at.open("3");
    at.membership.push(room, 5n, [row(6), removed(7, "2"), row(8), added(9, "3"), row(10)]);
    expect(at.published).toEqual(["6: 1,2", "7: 1,2", "8: 1", "9: 1,3", "10: 1,3"]);
    expect(at.asked).toEqual([]);
  });

  test("who is subscribed by a change is told to sync that conversation", () => {
    const at = setUp();
    at.open("1", 5n);
    at.open("3");
    at.membership.push(room, 5n, [added(6, "3")]);
    expect(at.resynced).toEqual([`3 ${room}`]);
  });

  test("a change that is not above the applied seq is ignored", () => {
    const at = setUp();
    at.open("1", 9n);
    at.open("2", 9n);
    at.membership.push(room, 6n, [removed(7, "2"), row(8)]);
    expect(at.published.at(-1)).toBe("8: 1,2");
  });

  test("behind a record: asks once, publishes nothing before the answer, and what came meanwhile after it", async () => {
    const at = setUp();
    at.open("1", 5n);
    at.open("2", 5n);
    const answer = Promise.withResolvers<{ memberUserIds: string[]; membersSeq: bigint }>();
    at.answers.push(() => answer.promise);
    at.membership.push(room, 8n, [row(9)]);
    at.membership.push(room, 8n, [row(10)]);
    expect([at.published, at.asked]).toEqual([[], [["1", "2"]]]);
    answer.resolve({ memberUserIds: ["1"], membersSeq: 8n });
    await settled();
    expect(at.published).toEqual(["9: 1", "10: 1"]);
    // Who was removed meanwhile learns it by a sync.
    expect(at.resynced).toEqual([`2 ${room}`]);
    at.membership.push(room, 8n, [row(11)]);
    expect([at.published.at(-1), at.asked.length]).toEqual(["11: 1", 1]);
  });

  test("behind, and no answer: nothing is published, the sessions there are told to sync; the next record asks again", async () => {
    const at = setUp();
    at.open("1", 5n);
    at.membership.push(room, 8n, [row(9)]);
    await settled();
    expect([at.published, at.resynced]).toEqual([[], [`1 ${room}`]]);
    at.answers.push(() => Promise.resolve({ memberUserIds: ["1"], membersSeq: 8n }));
    at.membership.push(room, 8n, [row(10)]);
    await settled();
    expect(at.published).toEqual(["10: 1"]);
  });

  test("a reading older than what was applied is asked about again", async () => {
    const at = setUp();
    at.open("1", 9n);
    at.open("2", 5n);
    at.answers.push(() => Promise.resolve({ memberUserIds: ["1"], membersSeq: 9n }));
    at.membership.push(room, 9n, [row(10)]);
    await settled();
    expect(at.published).toEqual(["10: 1"]);
  });

  test("without a session in the room nothing is asked; who is added then listens", () => {
    const at = setUp();
    at.open("3");
    at.membership.push(room, 8n, [row(9), added(10, "3"), row(11)]);
    expect([at.published.at(-1), at.asked]).toEqual(["11: 3", []]);
  });

  test("a group becomes a room: the listed sessions subscribe; it becomes a listed group: all leave after the row", () => {
    const at = setUp();
    const sessions = [at.open("1"), at.open("2")];
    at.membership.opened(room, 5n, sessions);
    expect(at.resynced).toEqual([`1 ${room}`, `2 ${room}`]);
    at.membership.push(room, 5n, [removed(6, "2"), row(7, { case: "roomMode", value: { room: false } })]);
    expect(at.published).toEqual(["6: 1,2", "7: 1"]);
    expect(at.membership.rooms).toBe(0);
    at.membership.push(room, 6n, [row(8)]);
    expect(at.published.at(-1)).toBe("8: ");
  });
});
