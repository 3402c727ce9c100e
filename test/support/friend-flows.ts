import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { JSON_SUBPROTOCOL } from "../../proto/frames.ts";
import { type Account, type Answer, type Api, createApi, newAccount, newGuest } from "./api.ts";
import { type Frame, type openSocket as Open, opener, type subprotocols, type TestSocket } from "./socket.ts";
import { needsInside, notOurs, type Target } from "./target.ts";

let target: Target;
let api: Api;
let openSocket: typeof Open;

interface RequestJson {
  id: string;
  status: number;
  requester?: { username: string };
}

/** Friends, requests, remarks and blocks between people on the first and the last gateway of what `start` starts. */
export function friendFlows(start: () => Promise<Target>, by: (typeof subprotocols)[number] = JSON_SUBPROTOCOL): void {
  beforeAll(async () => {
    openSocket = opener(by);
    target = await start();
    api = createApi(target.first);
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  describe("10 §8 friends", friends);
  describe.skipIf(notOurs)(`20 §5 online-status${needsInside}`, onlineStatus);
  describe("10 §8 requests: each refusal by its name", refusals);
  describe("10 §8 blocks", blocks);
}

type By = Account;
const call = <T = Record<string, unknown>>(by: By, method: string, path: string, body?: unknown): Promise<Answer<T>> =>
  api.call<T>(method, path, body, by.accessToken);

async function people<const N extends readonly string[]>(...names: N): Promise<{ [K in keyof N]: Account }> {
  const accounts: Account[] = [];
  for (const name of names) accounts.push(await newAccount(api, name));
  return accounts as { [K in keyof N]: Account };
}

const ask = (by: By, to: By, message?: string) =>
  call<{ request: RequestJson }>(by, "POST", "/friends/requests", { targetUserId: to.userId, message });
const answer = (by: By, id: string, action: string | number) =>
  call<{ request: RequestJson; conversation?: { id: string } }>(by, "PUT", `/friends/requests/${id}`, { action });

async function befriended(one: By, other: By): Promise<void> {
  const { data } = await ask(one, other);
  expect((await answer(other, data.request.id, "accept")).status).toBe(200);
}

const friendIds = async (by: By): Promise<string[]> => {
  const { data } = await call<{ friends: { friendId: string }[] }>(by, "GET", "/friends");
  return data.friends.map(({ friendId }) => friendId);
};

function friends(): void {
  test("a request is pushed; accepting it makes both friends and their conversation, and tells both", async () => {
    const [ann, ben] = await people("ann", "ben");
    await using a = await openSocket(target.first, ann.accessToken);
    await using b = await openSocket(target.last, ben.accessToken);
    const asked = await ask(ann, ben, "hello");
    expect([asked.status, asked.data.request.status]).toEqual([201, 0]);
    const { id } = asked.data.request;
    expect((await b.next("friend-request")).data).toMatchObject({
      requestId: id,
      requester: { id: ann.userId, username: ann.username },
      message: "hello",
      event: "received",
    });
    const received = await call<{ requests: RequestJson[] }>(ben, "GET", "/friends/requests?status=0");
    expect(received.data.requests).toMatchObject([{ id, message: "hello", requester: { username: ann.username } }]);
    const sent = await call<{ requests: RequestJson[] }>(ann, "GET", "/friends/requests?type=sent");
    expect(sent.data.requests.map((one) => one.id)).toEqual([id]);

    const accepted = await answer(ben, id, "accept");
    expect(accepted).toMatchObject({ status: 200, data: { request: { status: 1 }, conversation: { type: 1 } } });
    const conversationId = accepted.data.conversation?.id;
    expect((await a.next("friend-request")).data).toMatchObject({ requestId: id, event: "accepted" });
    for (const [socket, friend] of [
      [a, ben],
      [b, ann],
    ] as const) {
      const { data } = await socket.next("friend-added");
      expect(data).toMatchObject({ friend: { friendId: friend.userId, status: 1 }, conversationId });
    }
    expect([await friendIds(ann), await friendIds(ben)]).toEqual([[ben.userId], [ann.userId]]);
    // The row that the acceptance made is no request of Ben's.
    const none = await call<{ requests: RequestJson[] }>(ben, "GET", "/friends/requests?type=sent");
    expect(none.data.requests).toEqual([]);
  });

  test("asking back accepts", async () => {
    const [ann, ben] = await people("ann", "ben");
    const { data } = await ask(ann, ben);
    expect(await ask(ben, ann)).toMatchObject({ status: 201, data: { request: { id: data.request.id, status: 1 } } });
    expect(await friendIds(ann)).toEqual([ben.userId]);
  });

  test("two who ask at the same time are friends", async () => {
    const [ann, ben] = await people("ann", "ben");
    const both = await Promise.all([ask(ann, ben), ask(ben, ann)]);
    expect(both.map(({ status }) => status)).toEqual([201, 201]);
    expect(await friendIds(ann)).toEqual([ben.userId]);
  });

  test("a remark is one's own; removing ends it for both, pushes and tells the incremental list", async () => {
    const [ann, ben] = await people("ann", "ben");
    await befriended(ann, ben);
    const first = await call<{ serverTime: number; friends: object[] }>(ann, "GET", "/friends?includeOnline=false");
    const remarked = await call(ann, "PUT", `/friends/${ben.userId}/remark`, { remark: "Benny" });
    expect(remarked).toMatchObject({ status: 200, data: { friendId: ben.userId, remark: "Benny" } });
    await using b = await openSocket(target.last, ben.accessToken);
    expect((await call(ann, "DELETE", `/friends/${ben.userId}`)).status).toBe(200);
    expect((await b.next("friend-removed")).data).toEqual({ userId: ann.userId });
    expect(await friendIds(ben)).toEqual([]);
    const since = await call(ben, "GET", `/friends?last_sync=${first.data.serverTime}`);
    expect(since.data).toMatchObject({ friends: [], removed: [ann.userId], serverTime: expect.any(Number) });
    for (const [method, path, body] of [
      ["DELETE", `/friends/${ben.userId}`, undefined],
      ["PUT", `/friends/${ben.userId}/remark`, { remark: "x" }],
      ["DELETE", "/friends/999", undefined],
    ] as const) {
      expect(await call(ann, method, path, body)).toMatchObject({ status: 404, code: "NOT_FRIENDS" });
    }
    // They may ask each other again at once.
    expect((await ask(ben, ann)).status).toBe(201);
  });

  test("who is online is in the list, but not of somebody who blocked the caller", async () => {
    const [ann, ben] = await people("ann", "ben");
    await befriended(ann, ben);
    await using _ = await openSocket(target.last, ben.accessToken);
    const online = async () => (await call<{ friends: { online?: boolean }[] }>(ann, "GET", "/friends")).data.friends;
    expect(await online()).toMatchObject([{ online: true }]);
    await call(ben, "PUT", `/blocks/${ann.userId}`);
    expect(await online()).toMatchObject([{ online: false }]);
  });
}

function onlineStatus(): void {
  const news = (of: By, status: string) => (frame: Frame) =>
    frame.data.userId === of.userId && frame.data.status === status;
  /** What the socket was told of this one, in order. */
  const toldOf = (socket: TestSocket, of: By): unknown[] =>
    socket.frames.flatMap(({ type, data }) =>
      type === "online-status" && data.userId === of.userId ? [data.status] : [],
    );

  test("50 §4: coming and going is told to friends; a short break, strangers and blocks are not", async () => {
    const [ann, ben, cal, eve, dan] = await people("ann", "ben", "cal", "eve", "dan");
    for (const friend of [ben, cal, dan]) await befriended(ann, friend);
    await befriended(ben, dan);
    await call(ben, "PUT", `/blocks/${dan.userId}`);
    await using a = await openSocket(target.first, ann.accessToken);
    await using phone = await openSocket(target.last, ann.accessToken, { binary: true });
    await using d = await openSocket(target.first, dan.accessToken);
    await using e = await openSocket(target.first, eve.accessToken);
    const b = await openSocket(target.last, ben.accessToken);
    for (const socket of [a, phone]) {
      expect((await socket.next("online-status", news(ben, "online"))).data).toEqual({
        userId: ben.userId,
        status: "online",
      });
    }
    const c = await openSocket(target.last, cal.accessToken);
    await a.next("online-status", news(cal, "online"));
    // Ben is back before it is due, Cal is not. Ben's time ends first.
    await b[Symbol.asyncDispose]();
    await using _ = await openSocket(target.first, ben.accessToken);
    const leftAtS = Math.floor(Date.now() / 1000);
    await c[Symbol.asyncDispose]();
    for (const socket of [a, phone]) {
      const { data } = await socket.next("online-status", news(cal, "offline"));
      expect(Number(data.lastSeen)).toBeWithin(leftAtS - 1, leftAtS + 3);
    }
    expect(toldOf(a, ben)).toEqual(["online"]);
    expect(toldOf(a, cal)).toEqual(["online", "offline"]);
    // Dan is a friend of Ann's, and blocked by Ben; Eve is nobody's.
    expect(toldOf(d, ben)).toEqual([]);
    expect(toldOf(e, ben)).toEqual([]);
    expect(toldOf(a, dan)).toEqual(["online"]);
    expect(e.frames.some(({ type }) => type === "online-status")).toBe(false);
  });
}

function refusals(): void {
  test("CANNOT_ADD_SELF_AS_FRIEND, USER_NOT_FOUND, INVALID_PARAMETER, GUEST_FORBIDDEN", async () => {
    const [ann] = await people("ann");
    const guest = await newGuest(api);
    expect(await ask(ann, ann)).toMatchObject({ status: 400, code: "CANNOT_ADD_SELF_AS_FRIEND" });
    expect(await ask(ann, { ...ann, userId: "999" })).toMatchObject({ status: 404, code: "USER_NOT_FOUND" });
    expect(await ask(ann, guest)).toMatchObject({ status: 403, code: "GUEST_FORBIDDEN" });
    expect(await ask(ann, { ...ann, userId: "x" })).toMatchObject({ status: 400, code: "INVALID_PARAMETER" });
    expect(await ask(ann, { ...ann, userId: "9" }, "x".repeat(201))).toMatchObject({ code: "INVALID_PARAMETER" });
    for (const path of ["/friends", "/friends/requests", "/blocks"]) {
      expect(await call(guest, "GET", path)).toMatchObject({ status: 403, code: "GUEST_FORBIDDEN" });
    }
  });

  test("10 §1: requests come in pages that say whether there is more", async () => {
    const [ann, ...others] = await people("ann", "ben", "cat", "dan");
    for (const other of others) await ask(other, ann);
    const page = async (query: string) => {
      const path = `/friends/requests?size=2&${query}`;
      const { requests, hasMore } = (await call<{ requests: RequestJson[]; hasMore: boolean }>(ann, "GET", path)).data;
      return [requests.length, hasMore];
    };
    expect([await page("page=1"), await page("page=2"), await page("page=3")]).toEqual([
      [2, true],
      [1, false],
      [0, false],
    ]);
  });

  test("FRIEND_REQUEST_ALREADY_EXISTS while it is open and for 24 h after a rejection; ALREADY_FRIENDS", async () => {
    const [ann, ben] = await people("ann", "ben");
    const { data } = await ask(ann, ben);
    const again = { status: 409, code: "FRIEND_REQUEST_ALREADY_EXISTS" };
    expect(await ask(ann, ben)).toMatchObject(again);
    expect(await answer(ben, data.request.id, "reject")).toMatchObject({
      status: 200,
      data: { request: { status: 2 } },
    });
    expect(await ask(ann, ben)).toMatchObject(again);
    // The other side may ask.
    await befriended(ben, ann);
    expect(await ask(ann, ben)).toMatchObject({ status: 409, code: "ALREADY_FRIENDS" });
  });

  test("FRIEND_REQUEST_NOT_FOUND of others' requests, FRIEND_REQUEST_ALREADY_HANDLED", async () => {
    const [ann, ben, eve] = await people("ann", "ben", "eve");
    const { id } = (await ask(ann, ben)).data.request;
    const missing = { status: 404, code: "FRIEND_REQUEST_NOT_FOUND" };
    for (const by of [ann, eve]) expect(await answer(by, id, "accept")).toMatchObject(missing);
    expect(await answer(ben, "999", "accept")).toMatchObject(missing);
    expect(await answer(ben, id, "maybe")).toMatchObject({ status: 400, code: "INVALID_PARAMETER" });
    expect((await answer(ben, id, 2)).status).toBe(200);
    expect(await answer(ben, id, 1)).toMatchObject({ status: 409, code: "FRIEND_REQUEST_ALREADY_HANDLED" });
  });
}

function blocks(): void {
  test("who is blocked cannot ask, begin a chat, or write in it; others see nothing of it; unblocking restores", async () => {
    const [ann, ben] = await people("ann", "ben");
    await befriended(ann, ben);
    const single = await call<{ id: string }>(ben, "POST", "/conversations", { type: 1, members: [ann.userId] });
    await using socket = await openSocket(target.first, ben.accessToken);
    expect((await call(ann, "PUT", `/blocks/${ben.userId}`)).status).toBe(200);
    const gone = await socket.next("online-status", (frame) => frame.data.userId === ann.userId);
    expect(gone.data).toEqual({ userId: ann.userId, status: "offline" });
    const blocked = await call<{ blocked: { friendId: string }[]; hasMore: boolean }>(ann, "GET", "/blocks");
    expect(blocked.data).toMatchObject({ blocked: [{ friendId: ben.userId, status: 3 }], hasMore: false });
    const refused = { status: 403, code: "BLOCKED_BY_USER" };
    expect(await call(ben, "POST", "/conversations", { type: 1, members: [ann.userId] })).toMatchObject(refused);
    const path = `/conversations/${single.data.id}/messages`;
    expect(await call(ben, "POST", path, { messageType: 1, content: "x" })).toMatchObject(refused);
    expect(await friendIds(ann)).toEqual([]);
    expect((await call(ann, "DELETE", `/blocks/${ben.userId}`)).status).toBe(200);
    expect(await friendIds(ann)).toEqual([ben.userId]);
    expect((await call(ben, "POST", path, { messageType: 1, content: "x" })).status).toBe(201);
  });

  test("BLOCKED_BY_USER for a request; a block of oneself is INVALID_PARAMETER, of nobody USER_NOT_FOUND", async () => {
    const [ann, ben] = await people("ann", "ben");
    await call(ann, "PUT", `/blocks/${ben.userId}`);
    expect(await ask(ben, ann)).toMatchObject({ status: 403, code: "BLOCKED_BY_USER" });
    expect(await call(ann, "PUT", `/blocks/${ann.userId}`)).toMatchObject({ status: 400, code: "INVALID_PARAMETER" });
    expect(await call(ann, "PUT", "/blocks/999")).toMatchObject({ status: 404, code: "USER_NOT_FOUND" });
    // Who asks lifts his own block.
    expect((await ask(ann, ben)).status).toBe(201);
    expect((await call<{ blocked: object[] }>(ann, "GET", "/blocks")).data.blocked).toEqual([]);
  });
}
