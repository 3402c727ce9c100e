import { afterAll, beforeAll, expect, test } from "bun:test";
import { JSON_SUBPROTOCOL } from "../../proto/frames.ts";
import type { DraftJson } from "../../proto/objects.ts";
import { type Account, type Api, createApi, newAccount, newGuest } from "./api.ts";
import { type openSocket as Open, opener, type subprotocols, type TestSocket } from "./socket.ts";
import type { Target } from "./target.ts";

let target: Target;
let api: Api;
let ann: Account;
let ben: Account;
let openSocket: typeof Open;

/** Drafts on two devices of one person, on the first and the last gateway of what `start` starts. */
export function draftFlows(start: () => Promise<Target>, by: (typeof subprotocols)[number] = JSON_SUBPROTOCOL): void {
  beforeAll(async () => {
    openSocket = opener(by);
    target = await start();
    api = createApi(target.first);
    ann = await newAccount(api, "ann");
    ben = await newAccount(api, "ben");
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  test("what is begun on one device is told to the others, not to the one that says who it is", onOtherDevices);
  test("a device that was away: the list, then only what changed since, removals too", afterAbsence);
  test("members only; a dissolved group takes none and gives up what it has", rights);
  test("what could not be a message cannot be a draft", limits);
  test("a guest has drafts; who hides a conversation or leaves has none in it", whereItEnds);
}

interface DraftList {
  readonly drafts: readonly DraftJson[];
  readonly hasMore: boolean;
  readonly serverTime: number;
}

const call = <T = DraftJson>(method: string, path: string, body?: unknown, by: Account = ann) =>
  api.call<T>(method, path, body, by.accessToken);
const set = (id: string, body: object, by: Account = ann) => call("PUT", `/conversations/${id}/draft`, body, by);
const list = async (query = "", by: Account = ann) =>
  (await call<DraftList>("GET", `/conversations/drafts${query}`, undefined, by)).data;
const textsOf = async (query = "", by: Account = ann) => (await list(query, by)).drafts.map(({ content }) => content);

async function group(): Promise<string> {
  const body = { type: 2, name: "drafts", members: [ben.userId] };
  return (await call<{ id: string }>("POST", "/conversations", body)).data.id;
}

const sessionOf = (socket: TestSocket): string =>
  String(socket.frames.find(({ type }) => type === "connected")?.data.sessionId);

async function onOtherDevices(): Promise<void> {
  const id = await group();
  await using phone = await openSocket(target.first, ann.accessToken, { query: { deviceId: "phone" } });
  await using desk = await openSocket(target.last, ann.accessToken, { query: { deviceId: "desk" } });
  await using other = await openSocket(target.last, ben.accessToken);
  const sessionId = sessionOf(phone);
  const kept = await set(id, { content: "I think \u{1F600}", replyToMessageId: "77", sessionId });
  expect(kept).toMatchObject({ status: 200, data: { conversationId: id, content: "I think \u{1F600}" } });
  expect((await desk.next("draft-updated")).data).toEqual({ ...kept.data, replyToMessageId: "77" });

  await set(id, { content: "I think", sessionId });
  expect((await desk.next("draft-updated")).data).toMatchObject({ content: "I think" });
  await set(id, { content: "I think", sessionId }); // Nothing new: no frame.
  const removed = await call("DELETE", `/conversations/${id}/draft?sessionId=${sessionId}`);
  const { data } = await desk.next("draft-updated");
  expect(data).toEqual({
    conversationId: id,
    content: "",
    updatedAt: removed.data.updatedAt,
    version: removed.data.version,
  });
  expect(removed.data.version).toBeGreaterThan(kept.data.version);

  // Who does not say which socket it is hears of itself: the frame after which none of the others can come.
  await set(id, { content: "last" });
  expect((await phone.next("draft-updated")).data).toMatchObject({ content: "last" });
  other.send("ping", undefined, "p");
  await other.next("pong");
  const told = (socket: TestSocket) => socket.frames.filter(({ type }) => type === "draft-updated").length;
  expect([told(phone), told(other)]).toEqual([1, 0]);
}

async function afterAbsence(): Promise<void> {
  const cat = await newAccount(api, "cat");
  await set("world", { content: "one" }, cat);
  const { id } = (await call<{ id: string }>("POST", "/conversations", { type: 1, members: [ann.userId] }, cat)).data;
  await set(id, { content: "two" }, cat);
  const all = await list("", cat);
  expect(all).toMatchObject({ drafts: [{ content: "two" }, { content: "one" }], hasMore: false });
  expect(await list("?size=1", cat)).toMatchObject({ drafts: [{ content: "two" }], hasMore: true });
  expect(await list("?size=1&page=2", cat)).toMatchObject({ drafts: [{ content: "one" }], hasMore: false });
  await set(id, { content: " \n" }, cat);
  expect(await textsOf("", cat)).toEqual(["one"]);
  expect(await textsOf(`?last_sync=${all.serverTime}`, cat)).toEqual(["one", ""]);
  expect(await textsOf(`?last_sync=${all.serverTime + 60}`, cat)).toEqual([]);
  expect((await call("GET", "/conversations/drafts?last_sync=x")).code).toBe("INVALID_PARAMETER");
}

async function rights(): Promise<void> {
  const eve = await newAccount(api, "eve");
  const id = await group();
  expect((await set(id, { content: "x" }, eve)).code).toBe("NOT_CONVERSATION_MEMBER");
  expect((await call("DELETE", `/conversations/${id}/draft`, undefined, eve)).code).toBe("NOT_CONVERSATION_MEMBER");
  expect((await set("group_1", { content: "x" })).code).toBe("CONVERSATION_NOT_FOUND");
  await set(id, { content: "kept" });
  expect((await call("DELETE", `/conversations/${id}`)).status).toBe(200);
  expect(await set(id, { content: "y" })).toMatchObject({ status: 410, code: "CONVERSATION_DISSOLVED" });
  expect(await textsOf()).toContain("kept");
  expect((await call("DELETE", `/conversations/${id}/draft`)).status).toBe(200);
  expect(await textsOf()).not.toContain("kept");
}

async function limits(): Promise<void> {
  const dan = await newAccount(api, "dan");
  const bad = [{}, { content: 1 }, { content: "a\0" }, { content: "x".repeat(5001) }, { content: "漢".repeat(5500) }];
  for (const body of [...bad, { content: "x", replyToMessageId: "x" }, { content: "x", sessionId: "x" }]) {
    expect(await set("world", body, dan)).toMatchObject({ status: 400, code: "INVALID_PARAMETER" });
  }
  expect((await set("world", { content: "x".repeat(5000) }, dan)).status).toBe(200);
}

async function whereItEnds(): Promise<void> {
  const guest = await newGuest(api);
  expect((await set("world", { content: "hi" }, guest)).status).toBe(200);
  expect(await textsOf("", guest)).toEqual(["hi"]);
  const flo = await newAccount(api, "flo");
  const single = (await call<{ id: string }>("POST", "/conversations", { type: 1, members: [ann.userId] }, flo)).data
    .id;
  const joined = (await call<{ id: string }>("POST", "/conversations", { type: 2, name: "g", members: [flo.userId] }))
    .data.id;
  await set(single, { content: "s" }, flo);
  await set(joined, { content: "g" }, flo);
  await call("DELETE", `/conversations/${single}`, undefined, flo);
  expect(await textsOf("", flo)).toEqual(["g"]);
  expect((await call("POST", `/conversations/${joined}/leave`, {}, flo)).status).toBe(200);
  expect(await textsOf("", flo)).toEqual([]);
}
