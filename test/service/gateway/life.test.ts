import { afterEach, expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { StartError } from "../../../infra/host/start-error.ts";
import type { OutRecord } from "../../../infra/mq/mq.ts";
import {
  BroadcastRecordSchema,
  type DownstreamItemSchema,
  DownstreamRecordSchema,
  type PushRowSchema,
} from "../../../proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { UserEvent } from "../../../proto/gen/gochat/mq/v1/user_event_pb.ts";
import { downstreamTopic, topics } from "../../../proto/topics.ts";
import { newAccount, newGuest } from "../../support/api.ts";
import { openSocket, startSocket, until } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let towns: Town[] = [];
async function town(...args: Parameters<typeof openTown>): Promise<Town> {
  const opened = await openTown(...args);
  towns.push(opened);
  return opened;
}
afterEach(async () => {
  for (const opened of towns) await opened[Symbol.asyncDispose]();
  towns = [];
});

type Row = MessageInitShape<typeof PushRowSchema>;

function worldRows(from: number, count: number, content: string): Row[] {
  return Array.from({ length: count }, (_, index) => ({
    message: {
      id: String(from + index),
      conversationId: "world",
      sender: { id: "7", username: "somebody" },
      type: 1,
      content,
      seqId: BigInt(from + index),
      createdAt: 1n,
      kind: 1,
    },
  }));
}

function broadcast(rows: Row[]): OutRecord {
  const value = create(BroadcastRecordSchema, {
    createdAtMs: BigInt(Date.now()),
    body: { case: "push", value: { conversationId: "world", rows } },
  });
  return { topic: topics.broadcast, key: "world", value } as OutRecord;
}

test("G2, G5: a batch reaches version 1 as joined frames and version 0 as single ones, in order, each once", async () => {
  const t = await town();
  const [ann, bob] = [await newAccount(t.api), await newAccount(t.api)];
  await using a = await openSocket(t.url, ann.accessToken);
  await using b = await openSocket(t.url, bob.accessToken, { query: { v: "1" } });
  await t.mq.send([broadcast(worldRows(1, 300, "x".repeat(1000))), broadcast(worldRows(301, 1, "last"))]);
  await a.next("new-message", ({ data }) => data.content === "last");
  await until("all joined frames", () => seqsOf(b.frames).at(-1) === 301);
  const all = Array.from({ length: 301 }, (_, index) => index + 1);
  expect(seqsOf(a.frames)).toEqual(all);
  expect(seqsOf(b.frames)).toEqual(all);
  const joined = b.frames.filter(({ type }) => type === "new-messages");
  expect(joined.length).toBeGreaterThan(4);
  expect(joined.length).toBeLessThan(20);
});

function seqsOf(frames: readonly { type: string; data: Record<string, unknown> }[]): number[] {
  return frames.flatMap(({ type, data }) => {
    if (type === "new-message") return [Number(data.seqId)];
    return type === "new-messages" ? (data.messages as { seqId: number }[]).map(({ seqId }) => seqId) : [];
  });
}

test("G4: a reader that stalls is closed at its bound; the others miss nothing", async () => {
  const t = await town();
  const [ann, bob] = [await newAccount(t.api), await newAccount(t.api)];
  await using a = await openSocket(t.url, ann.accessToken);
  const stalled = await openSocket(t.url, bob.accessToken);
  stalled.socket.pause();
  const content = "y".repeat(5000);
  let seq = 1;
  await until("the stalled socket is closed", async () => {
    await t.mq.send([broadcast(worldRows(seq, 100, content))]);
    seq += 100;
    await Bun.sleep(10);
    return (await t.metrics.render()).includes('gochat_ws_close_total{code="1006"} 1');
  });
  await until("the other has all", () => seqsOf(a.frames).length === seq - 1);
  expect(seqsOf(a.frames)).toEqual(Array.from({ length: seq - 1 }, (_, index) => index + 1));
  stalled.socket.terminate();
}, 30_000);

test("20 §2: the sixth socket of a user closes the oldest with 4002, a guest's second the first", async () => {
  const t = await town();
  const [ann, guest] = [await newAccount(t.api), await newGuest(t.api)];
  const sockets = [];
  for (let index = 0; index < 6; index += 1) sockets.push(await openSocket(t.url, ann.accessToken));
  expect(await sockets[0]?.closed).toBe(4002);
  await using _second = await openSocket(t.url, ann.accessToken, { query: { deviceId: "phone" } });
  const g1 = await openSocket(t.url, guest.accessToken);
  await using _g2 = await openSocket(t.url, guest.accessToken);
  expect(await g1.closed).toBe(4002);
  for (const socket of sockets) socket.socket.terminate();
});

test("20 §1, §10: presence and user events follow the first and the last socket", async () => {
  const t = await town();
  const events: UserEvent[] = [];
  await t.mq.subscribe(
    topics.userEvents,
    { group: "test.events", from: "earliest", commits: false, recordsMax: 100, bytesMax: 1 << 20 },
    async ({ records }) => {
      for (const { value } of records) events.push(value);
      return { done: records.length };
    },
  );
  const ann = await newAccount(t.api);
  const of = (): string[] => events.filter(({ userId }) => String(userId) === ann.userId).map((one) => one.eventType);
  const online = async (): Promise<boolean> =>
    (await t.onlineStatus.getUserOnlineStatus({ userId: ann.userId })).status?.isOnline === true;
  const first = await openSocket(t.url, ann.accessToken);
  await until("online", () => of().includes("user.online"));
  const second = await openSocket(t.url, ann.accessToken);
  await first[Symbol.asyncDispose]();
  expect(await online()).toBe(true);
  await second[Symbol.asyncDispose]();
  await until("offline", () => of().includes("user.offline"));
  expect(await online()).toBe(false);
  expect(of().filter((type) => type.startsWith("user.o"))).toEqual(["user.online", "user.offline"]);
});

test("20 §7: a session that presence forgot is registered again by the heartbeat and told to sync", async () => {
  const t = await town();
  const ann = await newAccount(t.api);
  await using a = await openSocket(t.url, ann.accessToken);
  const sessionId = String(a.frames[0]?.data.sessionId);
  const sessions = async () =>
    (await t.onlineStatus.getUserOnlineStatus({ userId: ann.userId })).status?.sessions ?? [];
  const [row] = await sessions();
  await t.onlineStatus.setUserOffline({
    userId: ann.userId,
    gatewayId: row?.gatewayId ?? "",
    incarnation: row?.incarnation ?? "",
    sessionId,
  });
  expect(await sessions()).toEqual([]);
  t.advance(61_000);
  expect((await a.next("resync")).data).toEqual({});
  expect((await sessions()).map((session) => session.sessionId)).toEqual([sessionId]);
});

test("20 §7: silence is answered by a protocol ping, and by 4008 after 90 s", async () => {
  const t = await town();
  const ann = await newAccount(t.api);
  const a = await openSocket(t.url, ann.accessToken);
  const pinged = new Promise((resolve) => a.socket.on("ping", resolve));
  t.advance(31_000);
  await pinged;
  // The pong of the client has arrived before this answer.
  a.send("ping");
  await a.next("pong");
  t.advance(200_000);
  expect(await a.closed).toBe(4008);
});

test("G8, 20 §10: draining tells when to come back, closes with 1001, and refuses new sockets with 503", async () => {
  const opened = await openTown((config) => ({ ...config, ws: { ...config.ws, drain: 1000 } }));
  const ann = await newAccount(opened.api);
  const sockets = await Promise.all([1, 2, 3].map(() => openSocket(opened.url, ann.accessToken)));
  const gone = opened.gateway[Symbol.asyncDispose]();
  const [first] = sockets;
  if (first === undefined) throw new Error("no socket");
  const notice = await first.next("server-draining");
  expect(Number(notice.data.reconnectAfterMs)).toBeLessThan(5000);
  const refused = await startSocket(opened.url, ann.accessToken).next("connected").catch(String);
  expect(refused).toContain("503");
  expect(await Promise.all(sockets.map(({ closed }) => closed))).toEqual([1001, 1001, 1001]);
  await gone;
  expect((await opened.onlineStatus.getUserOnlineStatus({ userId: ann.userId })).status?.isOnline).toBe(false);
  await opened[Symbol.asyncDispose]();
});

test("50 §8: records of another incarnation are ignored; its probe makes this gateway give way with 1001", async () => {
  const t = await town();
  const ann = await newAccount(t.api);
  await using a = await openSocket(t.url, ann.accessToken);
  const topic = downstreamTopic("gateway-1");
  const send = (items: MessageInitShape<typeof DownstreamItemSchema>[]) => {
    const value = create(DownstreamRecordSchema, { gatewayId: "gateway-1", incarnation: "other", items });
    return t.mq.send([{ topic, value } as OutRecord]);
  };
  await send([
    {
      target: { case: "users", value: { userIds: [BigInt(ann.userId)] } },
      body: { case: "push", value: { conversationId: "9", rows: worldRows(1, 1, "of another life") } },
    },
  ]);
  a.send("ping");
  await a.next("pong");
  expect(a.frames.filter(({ type }) => type === "new-message")).toEqual([]);
  await send([
    {
      body: {
        case: "control",
        value: { control: { case: "probe", value: { gatewayId: "gateway-1", incarnation: "other", nonce: "n" } } },
      },
    },
  ]);
  expect(await a.closed).toBe(1001);
  expect(t.gateway.replaced.aborted).toBe(true);
});

test("50 §3: control records revoke, kick and ask to sync", async () => {
  const t = await town((config) => ({ ...config, ws: { ...config.ws, resyncSpread: 0 } }));
  const [ann, bob] = [await newAccount(t.api), await newAccount(t.api)];
  const a = await openSocket(t.url, ann.accessToken);
  const b = await openSocket(t.url, bob.accessToken);
  const control = (value: MessageInitShape<typeof BroadcastRecordSchema>["body"]) =>
    t.mq.send([
      {
        topic: topics.broadcast,
        partition: 0,
        value: create(BroadcastRecordSchema, { body: value ?? { case: undefined } }),
      } as OutRecord,
    ]);
  await control({
    case: "control",
    value: { control: { case: "resync", value: { conversationIds: ["world"], userIds: [BigInt(ann.userId)] } } },
  });
  expect((await a.next("resync")).data).toEqual({ conversationIds: ["world"] });
  const [row] = (await t.onlineStatus.getUserOnlineStatus({ userId: bob.userId })).status?.sessions ?? [];
  await control({
    case: "control",
    value: { control: { case: "kick", value: { sessionIds: [row?.sessionId ?? ""], closeCode: 4003, reason: "bye" } } },
  });
  expect(await b.closed).toBe(4003);
  expect(b.frames.some(({ type }) => type === "resync")).toBe(false);
  const { sid } = JSON.parse(Buffer.from(ann.accessToken.split(".")[1] ?? "", "base64url").toString());
  await control({ case: "control", value: { control: { case: "sessionsRevoked", value: { sids: [sid] } } } });
  expect(await a.closed).toBe(4004);
  expect(await openSocket(t.url, ann.accessToken).catch(String)).toContain("401");
});

test("20 §8: more sends than may wait for the log are refused at the entrance, the rest is acked", async () => {
  const t = await town((config) => ({ ...config, upstream: { ...config.upstream, waitingMax: 5 } }));
  const ann = await newAccount(t.api);
  await using a = await openSocket(t.url, ann.accessToken);
  const count = 200;
  for (let index = 0; index < count; index += 1) {
    a.send(
      "send-message",
      { conversationId: "world", content: "x", messageType: 1, client_msg_id: `${index}` },
      `${index}`,
    );
  }
  const answers = () => a.frames.filter(({ type }) => type === "message-ack" || type === "error");
  await until("all answered", () => answers().length === count);
  const refused = answers().filter(({ type }) => type === "error");
  expect(refused.length).toBeGreaterThan(0);
  expect(new Set(refused.map(({ data }) => data.code))).toEqual(new Set(["SERVICE_UNAVAILABLE"]));
  expect(new Set(answers().map(({ id }) => id)).size).toBe(count);
});

test("60 §8: limits act at the entrance of both protocols, and say when to come back", async () => {
  const t = await town();
  const ann = await newAccount(t.api);
  await using a = await openSocket(t.url, ann.accessToken);
  t.ratelimit.setEnabled(true);
  const send = (index: number) => ({
    conversationId: "world",
    content: "x",
    messageType: 1,
    client_msg_id: `${index}`,
  });
  for (let index = 0; index < 21; index += 1) a.send("send-message", send(index), `${index}`);
  const error = await a.next("error");
  expect(error).toMatchObject({ id: "20", data: { code: "RATE_LIMITED" } });
  expect(Number((error.data.details as { retryAfterMs: number }).retryAfterMs)).toBeGreaterThan(0);
  const http = await t.api.call("POST", "/messages", send(100), ann.accessToken);
  expect([http.status, http.code]).toEqual([429, "RATE_LIMITED"]);
  expect(Number(http.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(http.headers.get("x-ratelimit-remaining")).toBe("0");
  const read = await t.api.call("GET", "/users/profile", undefined, ann.accessToken);
  expect(read.headers.get("x-ratelimit-limit")).toBe("200");
  expect(Number(read.headers.get("x-ratelimit-remaining"))).toBeLessThan(200);
});

test("20 §1: repo or logic away at connect closes with 1013 and leaves nobody online; away keys refuse the upgrade", async () => {
  const t = await town();
  const ann = await newAccount(t.api);
  t.away = "GetKeySet";
  expect(await openSocket(t.url, ann.accessToken).catch(String)).toContain("503");
  t.away = "SetUsersOnline";
  expect(await startSocket(t.url, ann.accessToken).closed).toBe(1013);
  t.away = "GetRooms";
  expect(await startSocket(t.url, ann.accessToken).closed).toBe(1013);
  t.away = undefined;
  await until("told offline", async () => {
    const { status } = await t.onlineStatus.getUserOnlineStatus({ userId: ann.userId });
    return status?.isOnline !== true;
  });
  await using a = await openSocket(t.url, ann.accessToken);
  t.away = "ValidateToken";
  const profile = await t.api.call("GET", "/users/profile", undefined, ann.accessToken);
  expect([profile.status, profile.code]).toEqual([503, "SERVICE_UNAVAILABLE"]);
  a.send("ping");
  await a.next("pong");
});

test("a storm of sockets shares its calls, and every socket gets the world", async () => {
  const t = await town();
  const guests = await Promise.all(Array.from({ length: 100 }, () => newGuest(t.api)));
  const sockets = await Promise.all(guests.map((guest) => openSocket(t.url, guest.accessToken)));
  await t.mq.send([broadcast(worldRows(1, 1, "to all"))]);
  await Promise.all(sockets.map((socket) => socket.next("new-message")));
  for (const socket of sockets) socket.socket.terminate();
  await until("all gone", async () => (await t.metrics.render()).includes("gochat_ws_connections 0"));
});

test("G8: a request that is being answered at a stop gets its answer", async () => {
  const opened = await openTown();
  const name = "slow_to_sign_in";
  await opened.api.call("POST", "/auth/register", { username: name, password: "correct horse" });
  const answer = opened.api.call("POST", "/auth/login", { username: name, password: "correct horse" });
  // The password check takes about 100 ms on another thread.
  await until("it is under way", () => opened.calls("Login") === 1);
  await opened[Symbol.asyncDispose]();
  expect((await answer).status).toBe(200);
  expect(
    await fetch(`${opened.url}/health`).then(
      () => "up",
      () => "down",
    ),
  ).toBe("down");
});

test("a busy port says what to do", async () => {
  // In one process Bun lets a second server take the same port; only another process is refused.
  const script = "console.log(Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response() }).port)";
  await using other = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const { value } = await other.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  const problem = await openTown((config) => ({ ...config, port })).catch((error: unknown) => error);
  expect(problem).toBeInstanceOf(StartError);
  expect(String(problem)).toContain("PORT");
});
