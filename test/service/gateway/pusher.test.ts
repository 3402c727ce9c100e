import { afterAll, beforeAll, expect, test } from "bun:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { createRemoteClient } from "../../../infra/rpc/client.ts";
import { connectErrors } from "../../../proto/connect-errors.ts";
import { AppError } from "../../../proto/errors.ts";
import { PusherService, type PushSignalSchema } from "../../../proto/gen/gochat/gateway/v1/pusher_service_pb.ts";
import { signalTypes } from "../../../proto/signals.ts";
import { type Account, newAccount, newGuest } from "../../support/api.ts";
import { opener, openSocket, subprotocols, type TestSocket } from "../../support/socket.ts";
import { freePorts } from "../../support/target.ts";
import { openTown, serviceToken, type Town } from "./gateway-fixture.ts";

let town: Town;
let first = "";
let second = "";
let pusher: Client<typeof PusherService>;
beforeAll(async () => {
  town = await openTown(undefined, undefined, { gateways: 2 });
  [first = "", second = ""] = town.gateways.map(({ url }) => url);
  pusher = pusherAt(0);
});
afterAll(() => town[Symbol.asyncDispose]());

function pusherAt(gateway: 0 | 1, token = serviceToken): Client<typeof PusherService> {
  const baseUrl = town.gateways[gateway]?.rpcUrl ?? "";
  return createRemoteClient(PusherService, { baseUrl, errors: connectErrors, caller: { service: "test", token } });
}

type Signal = Omit<MessageInitShape<typeof PushSignalSchema>, "$typeName">;

function notice(id: string, more: Partial<Signal> = {}): Signal {
  const payload = JSON.stringify({ id, type: "system", payload: { text: "hello" }, createdAt: 1_800_000_000 });
  return { type: "notification", payload, ...more };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "ok",
    (error: unknown) => (error instanceof AppError ? `${error.code} ${String(error.details?.fields ?? "")}` : "other"),
  );
}

const idsOf = (sockets: readonly TestSocket[]): unknown[][] =>
  sockets.map(({ frames }) => frames.filter(({ type }) => type === "notification").map(({ data }) => data.id));

/** Answered after everything that was written before. */
async function settle(...sockets: TestSocket[]): Promise<void> {
  for (const socket of sockets) {
    socket.send("ping");
    await socket.next("pong");
  }
}

const sidOf = ({ accessToken }: Account): string =>
  (JSON.parse(atob((accessToken.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/"))) as { sid: string })
    .sid;

/** Presence says that this account has a session on a gateway that this test stands for. */
async function placeOn(gatewayId: string, account: Account): Promise<void> {
  await town.onlineStatus.setUserOnline({
    ...{ userId: account.userId, gatewayId, incarnation: "one", sid: sidOf(account) },
    ...{ sessionId: Bun.randomUUIDv7(), deviceId: crypto.randomUUID(), platform: "web" },
  });
}

const register = (id: string, rpc: string, incarnation = "one") =>
  town.coord.register({ name: "gateway", id, address: "127.0.0.1", port: 1, metadata: { incarnation, rpc } });

test.each(subprotocols)(
  "30 §5, %s: own sessions and those of the other gateway get it once; the rest are offline",
  async (subprotocol) => {
    const open = opener(subprotocol);
    const [ann, bob, away] = [await newAccount(town.api), await newAccount(town.api), await newAccount(town.api)];
    await using here = await open(first, ann.accessToken, { query: { deviceId: "phone" } });
    await using there = await open(second, ann.accessToken, { query: { deviceId: "laptop" } });
    await using other = await open(second, bob.accessToken);
    const userIds = [ann.userId, away.userId, bob.userId, ann.userId];
    const answer = await pusher.pushToUsers({ userIds, signal: notice("1") });
    expect({ ...answer }).toMatchObject({ delivered: 3, offlineUserIds: [away.userId] });
    for (const socket of [here, there, other]) {
      const { data } = await socket.next("notification");
      expect(data).toEqual({ id: "1", type: "system", payload: { text: "hello" }, createdAt: 1_800_000_000 });
    }
    // Any instance may be called.
    expect((await pusherAt(1).pushToUsers({ userIds, signal: notice("2") })).delivered).toBe(3);
    for (const socket of [here, there, other]) await socket.next("notification", ({ data }) => data.id === "2");
    await settle(here, there, other);
    expect(idsOf([here, there, other])).toEqual(Array(3).fill(["1", "2"]));
  },
);

test("30 §5: what was forwarded is never forwarded again, and presence is not asked", async () => {
  const ann = await newAccount(town.api);
  await using there = await openSocket(second, ann.accessToken);
  const before = town.calls("GetUsersOnlineStatus");
  const request = { userIds: [ann.userId], signal: notice("1"), forwarded: true };
  expect(await pusher.pushToUsers(request)).toMatchObject({ delivered: 0, offlineUserIds: [ann.userId] });
  expect(await pusherAt(1).pushToUsers(request)).toMatchObject({ delivered: 1, offlineUserIds: [] });
  expect(town.calls("GetUsersOnlineStatus")).toBe(before);
  await settle(there);
  expect(idsOf([there])).toEqual([["1"]]);
});

test("30 §5: ttl_ms: what is too old by the time presence answers goes to nobody", async () => {
  const ann = await newAccount(town.api);
  await using here = await openSocket(first, ann.accessToken);
  await using there = await openSocket(second, ann.accessToken);
  const userIds = [ann.userId];
  town.before = (method) => {
    if (method === "GetUsersOnlineStatus") town.advance(600);
  };
  try {
    const late = await pusher.pushToUsers({ userIds, signal: notice("late", { ttlMs: 600n }) });
    expect(late).toMatchObject({ delivered: 0, offlineUserIds: userIds });
    expect((await pusher.pushToUsers({ userIds, signal: notice("in time", { ttlMs: 60_000n }) })).delivered).toBe(2);
    expect((await pusher.pushToUsers({ userIds, signal: notice("no end") })).delivered).toBe(2);
  } finally {
    town.before = undefined;
  }
  await settle(here, there);
  expect(idsOf([here, there])).toEqual(Array(2).fill(["in time", "no end"]));
});

test("30 §5: a gateway that is gone, unknown or silent: its users are not reached, the others are, in time", async () => {
  const ann = await newAccount(town.api);
  await using here = await openSocket(first, ann.accessToken);
  await using there = await openSocket(second, ann.accessToken);
  using silent = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Promise<Response>(() => undefined) });
  const [closed] = await freePorts(1);
  const registrations = [
    await register("gateway-81", `http://127.0.0.1:${closed}`),
    await register("gateway-82", silent.url.href.replace(/\/$/, "")),
    await register("gateway-83", town.gateways[1]?.rpcUrl ?? "", "a later life"),
  ];
  const lost: string[] = [];
  for (const gatewayId of ["gateway-81", "gateway-82", "gateway-83", "gateway-84"]) {
    const account = await newAccount(town.api);
    await placeOn(gatewayId, account);
    lost.push(account.userId);
  }
  const began = performance.now();
  const signal = notice("1", { traceId: "trace-of-the-push" });
  const answer = await pusher.pushToUsers({ userIds: [...lost, ann.userId], signal }, { timeoutMs: 2000 });
  expect(performance.now() - began).toBeLessThan(2000);
  expect(answer).toMatchObject({ delivered: 2, offlineUserIds: lost });
  for (const socket of [here, there]) await socket.next("notification");
  const counted = await town.metrics.render();
  expect(counted).toMatch(/gochat_push_forwards_total\{outcome="failed"\} 2/);
  expect(counted).toMatch(/gochat_push_forwards_total\{outcome="unknown"\} 2/);
  const lines = town.log.filter((line) => line.includes("trace-of-the-push"));
  expect(lines).toHaveLength(4);
  expect(lines.filter((line) => line.includes("hello"))).toEqual([]);
  for (const registration of registrations) await registration.unregister();
});

test("30 §5: presence that cannot be asked is an error, and nothing was pushed", async () => {
  const ann = await newAccount(town.api);
  await using here = await openSocket(first, ann.accessToken);
  town.away = "GetUsersOnlineStatus";
  try {
    const call = pusher.pushToUsers({ userIds: [ann.userId], signal: notice("1") });
    expect(await codeOf(call)).toBe("SERVICE_UNAVAILABLE ");
  } finally {
    town.away = undefined;
  }
  await settle(here);
  expect(idsOf([here])).toEqual([[]]);
});

test("30 §5, INVALID_PARAMETER: what is no signal, too large, or for too many", async () => {
  const { userId } = await newGuest(town.api);
  const refused: [readonly string[], Signal | undefined, string][] = [
    [["x"], notice("1"), "user_ids"],
    [["0"], notice("1"), "user_ids"],
    [Array<string>(1001).fill(userId), notice("1"), "user_ids"],
    [[userId], undefined, "signal.type"],
    ...["", "toString", "new-message", "message-recalled", "member-added", "sync-result", "message-ack"].map(
      (type): [string[], Signal, string] => [[userId], notice("1", { type }), "signal.type"],
    ),
    ...["", "{", "[]", "null", '"x"', "{}", '{"id":1}'].map((payload): [string[], Signal, string] => [
      [userId],
      notice("1", { payload }),
      "signal.payload",
    ]),
    [[userId], notice("x".repeat(64 * 1024)), "signal.payload"],
    [[userId], notice("1", { ttlMs: -1n }), "signal.ttl_ms"],
    [[userId], notice("1", { traceId: "a\nb" }), "signal.trace_id"],
    [[userId], notice("1", { traceId: "x".repeat(65) }), "signal.trace_id"],
    [
      [userId],
      notice("1", {
        type: "conversation-updated",
        payload: JSON.stringify({
          ...{ id: "1", conversationId: "2", seqId: 3, operatorId: "4", clientMsgId: "5", createdAt: 6 },
          changed: ["name"],
        }),
      }),
      "signal.payload",
    ],
  ];
  for (const [userIds, signal, field] of refused) {
    const request = { userIds: [...userIds], ...(signal === undefined ? {} : { signal }) };
    expect([signal, await codeOf(pusher.pushToUsers(request))]).toEqual([signal, `INVALID_PARAMETER ${field}`]);
  }
  expect(await pusher.pushToUsers({ signal: notice("1") })).toMatchObject({ delivered: 0, offlineUserIds: [] });
});

const user = { id: "8", username: "ann" };
const friend = { userId: "7", friendId: "8", status: 1, createdAt: 1, friend: user };
/** Of every type one. */
const samples: Readonly<Record<(typeof signalTypes)[number], object>> = {
  "online-status": { userId: "7", status: "offline", lastSeen: 1 },
  "conversation-updated": { conversationId: "9", changed: ["pinned"], pinned: true },
  "typing-indicator": { conversationId: "9", userId: "7", typing: true },
  "message-read": { conversationId: "9", userId: "7", lastReadSeqId: 3 },
  "draft-updated": { conversationId: "9", content: "dear", updatedAt: 1, version: 2 },
  "friend-request": { requestId: "5", requester: user, message: "hi", event: "received" },
  "friend-added": { friend, conversationId: "9" },
  "friend-removed": { userId: "8" },
  notification: { id: "n", type: "system", payload: {}, createdAt: 1 },
};

test.each(subprotocols)("20 §5, %s: every signal has its frame; fields of no document are left out", async (by) => {
  const ann = await newAccount(town.api);
  await using socket = await opener(by)(second, ann.accessToken);
  for (const type of signalTypes) {
    const signal = { type, payload: JSON.stringify({ ...samples[type], ofNoDocument: 1 }) };
    expect(await pusher.pushToUsers({ userIds: [ann.userId], signal })).toMatchObject({ delivered: 1 });
    await socket.next(type);
  }
});

test("30 §5: KickSessions closes the sessions of this gateway with code and reason", async () => {
  const ann = await newAccount(town.api);
  await using here = await openSocket(first, ann.accessToken);
  await using there = await openSocket(second, ann.accessToken);
  const reasons: string[] = [];
  here.socket.on("close", (_code, reason) => reasons.push(String(reason)));
  const sessionIds = [here, there].map(({ frames }) => String(frames[0]?.data.sessionId));
  expect((await pusher.kickSessions({ sessionIds, code: 4003, reason: "é".repeat(61) })).kicked).toBe(1);
  expect(await here.closed).toBe(4003);
  expect(reasons).toEqual(["é".repeat(61)]);
  expect((await pusher.kickSessions({ sessionIds, code: 4003, reason: "" })).kicked).toBe(0);
  await settle(there);
});

test("30 §5, INVALID_PARAMETER: kicks of too many, with codes of the protocol, with too long reasons", async () => {
  const sessionId = Bun.randomUUIDv7();
  const kick = (sessionIds: string[], code: number, reason: string) =>
    codeOf(pusher.kickSessions({ sessionIds, code, reason }));
  expect(await kick(Array<string>(1001).fill(sessionId), 4002, "")).toBe("INVALID_PARAMETER session_ids");
  expect(await kick(["x".repeat(65)], 4002, "")).toBe("INVALID_PARAMETER session_ids");
  for (const code of [0, 999, 1005, 1006, 1015, 3000, 4000, 4008, 4009, 5000, -1]) {
    expect([code, await kick([sessionId], code, "")]).toEqual([code, "INVALID_PARAMETER code"]);
  }
  expect(await kick([sessionId], 4002, "é".repeat(62))).toBe("INVALID_PARAMETER reason");
  for (const code of [1000, 1001, 4001, 4002, 4003, 4004, 4029]) expect(await kick([sessionId], code, "")).toBe("ok");
});

test("30 §5: GetStats counts sessions, users and the rooms that somebody listens to", async () => {
  await using small = await openTown(undefined, undefined, { task: true, rooms: { above: 2, below: 2 } });
  const baseUrl = small.gateway.rpcUrl ?? "";
  const caller = { service: "test", token: serviceToken };
  const stats = createRemoteClient(PusherService, { baseUrl, errors: connectErrors, caller });
  const seen = async () => {
    const { sessions, users, rooms, queueDepth } = await stats.getStats({});
    return { sessions, users, rooms, queueDepth };
  };
  expect(await seen()).toEqual({ sessions: 0, users: 0, rooms: 0, queueDepth: 0 });
  const [ann, bob, cid] = [await newAccount(small.api), await newAccount(small.api), await newAccount(small.api)];
  const body = { type: 2, name: "room", members: [bob.userId] };
  const { id } = (await small.api.call<{ id: string }>("POST", "/conversations", body, ann.accessToken)).data;
  // Too many for a list.
  await small.api.call("POST", `/conversations/${id}/members`, { members: [cid.userId] }, ann.accessToken);
  {
    await using _phone = await openSocket(small.url, ann.accessToken, { query: { deviceId: "phone" } });
    await using _laptop = await openSocket(small.url, ann.accessToken, { query: { deviceId: "laptop" } });
    expect(await seen()).toEqual({ sessions: 2, users: 1, rooms: 2, queueDepth: 0 });
    const guest = await newGuest(small.api);
    await using _guest = await openSocket(small.url, guest.accessToken);
    expect(await seen()).toEqual({ sessions: 3, users: 2, rooms: 2, queueDepth: 0 });
  }
  expect(await seen()).toEqual({ sessions: 0, users: 0, rooms: 0, queueDepth: 0 });
});

test("30 §1: the port asks for the service token; health answers without it", async () => {
  const { userId } = await newGuest(town.api);
  const signal = notice("1");
  const stranger = pusherAt(0, "x".repeat(28));
  expect(await codeOf(stranger.getStats({}))).toStartWith("UNAUTHORIZED");
  expect(await codeOf(stranger.pushToUsers({ userIds: [userId], signal }))).toStartWith("UNAUTHORIZED");
  for (const service of ["", PusherService.typeName]) {
    const answer = await fetch(`${town.gateway.rpcUrl}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ service }),
    });
    expect(await answer.json()).toEqual({ status: "SERVING" });
  }
});
