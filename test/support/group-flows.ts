import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { JSON_SUBPROTOCOL } from "../../proto/frames.ts";
import { type Account, type Answer, type Api, createApi, newAccount, newGuest, wholeHistory } from "./api.ts";
import { type Frame, type openSocket as Open, opener, type subprotocols } from "./socket.ts";
import type { Target } from "./target.ts";

let target: Target;
let api: Api;
let ann: Account;
let ben: Account;
let cat: Account;
let eve: Account;
let openSocket: typeof Open;

/** Groups with roles and mutes, settings and receipts, on the first and the last gateway of what `start` starts. */
export function groupFlows(start: () => Promise<Target>, by: (typeof subprotocols)[number] = JSON_SUBPROTOCOL): void {
  beforeAll(async () => {
    openSocket = opener(by);
    target = await start();
    api = createApi(target.first);
    ann = await newAccount(api, "ann");
    ben = await newAccount(api, "ben");
    cat = await newAccount(api, "cat");
    eve = await newAccount(api, "eve");
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  describe("10 §6 members", members);
  describe("10 §6 roles and mutes", roles);
  describe("10 §6 joining with approval", joining);
  describe("10 §5 conversations", conversations);
  describe("20 §4 reading and typing", receipts);
}

const call = <T = Record<string, unknown>>(by: Account, method: string, path: string, body?: unknown) =>
  api.call<T>(method, path, body, by.accessToken);
type Refused = Promise<Answer<unknown>>;
const refusal = async (answer: Refused) => `${(await answer).status} ${(await answer).code}`;

async function group(of: readonly Account[] = [ben], settings?: object): Promise<string> {
  const body = { type: 2, name: "crew", members: of.map(({ userId }) => userId), settings };
  return `/conversations/${(await call<{ id: string }>(ann, "POST", "/conversations", body)).data.id}`;
}
const idOf = (path: string): string => path.slice("/conversations/".length);
const say = (by: Account, path: string, content = "x") =>
  call<{ id: string }>(by, "POST", `${path}/messages`, { messageType: 1, content });

function members(): void {
  test("adding: a row for all, unread begins with 0, failures by user, repeats answer the same", async () => {
    const path = await group();
    await say(ann, path);
    const guest = await newGuest(api);
    await using b = await openSocket(target.last, ben.accessToken);
    await using c = await openSocket(target.first, cat.accessToken);
    const add = () =>
      call(ann, "POST", `${path}/members`, {
        members: [cat.userId, ben.userId, guest.userId, "999"],
        client_msg_id: "add",
      });
    const added = await add();
    expect(added.status).toBe(201);
    expect(added.data.added).toEqual([cat.userId]);
    expect(added.data.failed).toEqual([
      { userId: ben.userId, code: "USER_ALREADY_IN_CONVERSATION" },
      { userId: guest.userId, code: "GUEST_FORBIDDEN" },
      { userId: "999", code: "USER_NOT_FOUND" },
    ]);
    for (const socket of [b, c]) {
      expect((await socket.next("member-added")).data).toMatchObject({
        conversationId: idOf(path),
        seqId: 2,
        operatorId: ann.userId,
        members: [{ userId: cat.userId, username: cat.username, role: 1 }],
        memberCount: 3,
      });
    }
    expect((await add()).data.added).toEqual([cat.userId]);
    expect((await call(cat, "GET", path)).data).toMatchObject({ unreadCount: 0, memberCount: 3, lastSeqId: 2 });
    expect(await refusal(call(eve, "POST", `${path}/members`, { members: [eve.userId] }))).toBe(
      "403 NOT_CONVERSATION_MEMBER",
    );
  });

  test("G7: the removed is told, and is pushed nothing that was committed after; he can store and read nothing", async () => {
    const path = await group([ben, cat]);
    await using b = await openSocket(target.last, ben.accessToken);
    const { data: before } = await call<{ serverTime: number }>(ben, "GET", "/conversations");
    expect((await call(ann, "DELETE", `${path}/members/${ben.userId}?reason=rude`)).status).toBe(200);
    for (let at = 0; at < 5; at += 1) await say(ann, path, `secret ${at}`);
    expect((await b.next("member-removed")).data).toMatchObject({ userIds: [ben.userId], reason: "removed", seqId: 1 });
    // Pushes of this socket come in order: a message elsewhere marks the end of what could have come.
    const other = await group();
    await say(ann, other, "end");
    expect((await b.next("new-message")).data.content).toBe("end");
    expect(await refusal(say(ben, path))).toBe("403 NOT_CONVERSATION_MEMBER");
    expect(await refusal(call(ben, "GET", `${path}/messages`))).toBe("403 NOT_CONVERSATION_MEMBER");
    const since = await call<{ removed: string[] }>(ben, "GET", `/conversations?last_sync=${before.serverTime}`);
    expect(since.data.removed).toContain(idOf(path));
    expect(await refusal(call(ann, "DELETE", `${path}/members/${ben.userId}`))).toBe("404 NOT_CONVERSATION_MEMBER");
    expect(await refusal(call(ann, "DELETE", `${path}/members/0`))).toBe("404 NOT_CONVERSATION_MEMBER");
  });

  test("who comes back reads on where he was, and is no removal any more", async () => {
    const path = await group();
    await say(ann, path);
    await call(ben, "PUT", `${path}/read`, { seqId: 1 });
    expect((await call(ben, "POST", `${path}/leave`)).status).toBe(200);
    await say(ann, path);
    expect((await call(ann, "POST", `${path}/members`, { members: [ben.userId] })).status).toBe(201);
    expect((await call(ben, "GET", path)).data).toMatchObject({ unreadCount: 0 });
    await say(ann, path);
    expect((await call(ben, "GET", path)).data).toMatchObject({ unreadCount: 1 });
    const since = await call<{ removed: string[] }>(ben, "GET", "/conversations?last_sync=1");
    expect(since.data.removed).not.toContain(idOf(path));
  });

  test("CONVERSATION_FULL, OPERATION_NOT_SUPPORTED, INSUFFICIENT_PERMISSION, CANNOT_LEAVE_CONVERSATION", async () => {
    const path = await group([ben], { max_members: 2, invite_enabled: false });
    const add = (by: Account) => call(by, "POST", `${path}/members`, { members: [cat.userId] });
    expect(await refusal(add(ann))).toBe("409 CONVERSATION_FULL");
    expect(await refusal(add(ben))).toBe("403 INSUFFICIENT_PERMISSION");
    expect(await refusal(call(ann, "POST", `${path}/leave`))).toBe("409 CANNOT_LEAVE_CONVERSATION");
    expect(await refusal(call(ann, "POST", "/conversations/world/leave"))).toBe("409 CANNOT_LEAVE_CONVERSATION");
    const world = call(ann, "POST", "/conversations/world/members", { members: [ben.userId] });
    expect(await refusal(world)).toBe("403 OPERATION_NOT_SUPPORTED");
    expect(await refusal(call(ben, "DELETE", `${path}/members/${ann.userId}`))).toBe("403 INSUFFICIENT_PERMISSION");
  });

  test("older messages stay hidden from newcomers where the group says so", async () => {
    const path = await group([ben], { allow_member_view_history: false });
    await say(ann, path, "before");
    await call(ann, "POST", `${path}/members`, { members: [cat.userId] });
    await say(ann, path, "after");
    const rows = await wholeHistory(api, idOf(path), cat.accessToken);
    expect(rows.map(({ seqId }) => seqId)).toEqual([2, 3]);
  });
}

function roles(): void {
  test("the owner makes admins and hands over; each is a row of the stream", async () => {
    const path = await group([ben, cat]);
    await using c = await openSocket(target.last, cat.accessToken);
    const role = (by: Account, of: Account, value: number) =>
      call(by, "PUT", `${path}/members/${of.userId}`, { role: value });
    expect((await role(ann, ben, 2)).status).toBe(200);
    expect((await c.next("member-updated")).data).toMatchObject({ userId: ben.userId, role: 2, seqId: 1 });
    expect(await refusal(role(ben, cat, 2))).toBe("403 INSUFFICIENT_PERMISSION");
    expect((await role(ann, cat, 3)).status).toBe(200);
    expect((await c.next("member-updated")).data).toMatchObject({ userId: cat.userId, role: 3 });
    expect((await c.next("member-updated")).data).toMatchObject({ userId: ann.userId, role: 2 });
    expect((await call(ann, "GET", path)).data).toMatchObject({ ownerId: cat.userId, myMembership: { role: 2 } });
    expect(await refusal(role(cat, eve, 2))).toBe("404 NOT_CONVERSATION_MEMBER");
    expect((await call(ann, "POST", `${path}/leave`)).status).toBe(200);
  });

  test("USER_MUTED: one member for a while, or all but admins", async () => {
    const path = await group([ben, cat]);
    const said = (await say(ben, path)).data.id;
    await using b = await openSocket(target.last, ben.accessToken);
    const mute = { muted: true, durationSeconds: 60 };
    const muted = await call<{ mutedUntil: number }>(ann, "PUT", `${path}/members/${ben.userId}/mute`, mute);
    const { mutedUntil } = muted.data;
    expect(muted.data).toMatchObject({ userId: ben.userId, muted: true, mutedUntil: expect.any(Number) });
    expect((await b.next("member-updated")).data).toMatchObject({ userId: ben.userId, muted: true });
    const refusals = [await say(ben, path), await call(ben, "PUT", `/messages/${said}`, { content: "y" })];
    for (const { status, code, details } of refusals) {
      expect([status, code]).toEqual([403, "USER_MUTED"]);
      // Kept in ms, told in seconds: the one rounds down, the other up.
      expect(Number(details?.mutedUntil)).toBeWithin(mutedUntil, mutedUntil + 2);
    }
    expect((await call(ann, "PUT", `${path}/members/${ben.userId}/mute`, { muted: false })).status).toBe(200);
    expect((await say(ben, path)).status).toBe(201);
    expect(await refusal(call(cat, "PUT", `${path}/members/${ann.userId}/mute`, { muted: true }))).toBe(
      "403 INSUFFICIENT_PERMISSION",
    );
    expect((await call(ann, "PUT", `${path}/mute-all`, { enabled: true })).status).toBe(200);
    expect((await b.next("conversation-updated")).data).toMatchObject({ changed: ["settings"] });
    expect(await say(ben, path)).toMatchObject({ status: 403, code: "USER_MUTED", details: { mutedUntil: 0 } });
    expect((await say(ann, path)).status).toBe(201);
    await call(ann, "PUT", `${path}/mute-all`, { enabled: false });
    expect((await say(ben, path)).status).toBe(201);
  });
}

function joining(): void {
  test("asked, listed, accepted: a member; ALREADY_REQUESTED, JOIN_REQUEST_NOT_FOUND", async () => {
    const path = await group([ben], { join_approval_required: true });
    const asked = await call<{ id: string }>(eve, "POST", `${path}/join-requests`, { message: "let me in" });
    expect(asked).toMatchObject({ status: 201, data: { userId: eve.userId, status: 1, message: "let me in" } });
    expect(await refusal(call(eve, "POST", `${path}/join-requests`, {}))).toBe("409 ALREADY_REQUESTED");
    expect(await refusal(call(ben, "POST", `${path}/join-requests`, {}))).toBe("409 USER_ALREADY_IN_CONVERSATION");
    expect(await refusal(call(ben, "GET", `${path}/join-requests`))).toBe("403 INSUFFICIENT_PERMISSION");
    const listed = await call(ann, "GET", `${path}/join-requests?status=1`);
    expect(listed.data).toMatchObject({ requests: [{ id: asked.data.id }], total: 1, hasMore: false });
    const handle = (id: string, action = "accept") => call(ann, "PUT", `${path}/join-requests/${id}`, { action });
    expect(await handle(asked.data.id)).toMatchObject({ status: 200, data: { status: 2, handledBy: ann.userId } });
    expect((await say(eve, path)).status).toBe(201);
    expect(await refusal(handle(asked.data.id))).toBe("404 JOIN_REQUEST_NOT_FOUND");
    expect(await refusal(handle("999"))).toBe("404 JOIN_REQUEST_NOT_FOUND");
    const closed = await group();
    expect(await refusal(call(eve, "POST", `${closed}/join-requests`, {}))).toBe("403 OPERATION_NOT_SUPPORTED");
  });
}

function conversations(): void {
  test("creation is pushed to every member; a change of name carries the version; VERSION_CONFLICT", async () => {
    await using b = await openSocket(target.last, ben.accessToken);
    const path = await group();
    expect((await b.next("conversation-updated")).data).toMatchObject({
      conversationId: idOf(path),
      changed: ["created"],
      conversation: { name: "crew", type: 2 },
    });
    const { data } = await call<{ version: string }>(ann, "GET", path);
    const renamed = await call(ann, "PUT", path, { name: "team", version: data.version });
    expect(renamed).toMatchObject({ status: 200, data: { name: "team" } });
    expect((await b.next("conversation-updated")).data).toMatchObject({
      seqId: 1,
      changed: ["name"],
      conversation: { name: "team" },
    });
    expect(await refusal(call(ann, "PUT", path, { name: "x", version: data.version }))).toBe("409 VERSION_CONFLICT");
    expect(await refusal(call(ann, "PUT", path, { name: "" }))).toBe("400 INVALID_CONVERSATION_NAME");
    expect(await refusal(call(ben, "PUT", path, { name: "x" }))).toBe("403 INSUFFICIENT_PERMISSION");
  });

  test("settings are merged; an announcement has a version of its own", async () => {
    const path = await group([ben], { invite_enabled: false });
    await call(ann, "PUT", path, { settings: { group_settings: { max_members: 3 } } });
    expect(await refusal(call(ann, "PUT", path, { settings: { group_settings: 3 } }))).toBe("400 INVALID_PARAMETER");
    expect((await call(ann, "GET", path)).data.settings).toEqual({ invite_enabled: false, max_members: 3 });
    expect((await call(ben, "GET", `${path}/announcement`)).data).toBeUndefined();
    const announce = (by: Account, content: string, version?: string) =>
      call<{ version: string }>(by, "PUT", `${path}/announcement`, { content, version, pinned: true });
    const first = await announce(ann, "party");
    expect(first).toMatchObject({ status: 200, data: { content: "party", authorId: ann.userId, pinned: true } });
    expect((await call(ben, "GET", `${path}/announcement`)).data).toMatchObject({ content: "party" });
    expect((await call<{ announcement?: object }>(ben, "GET", path)).data.announcement).toEqual(first.data);
    expect((await announce(ann, "later", first.data.version)).status).toBe(200);
    expect(await refusal(announce(ann, "x", first.data.version))).toBe("409 VERSION_CONFLICT");
    expect(await refusal(announce(ben, "x"))).toBe("403 INSUFFICIENT_PERMISSION");
  });

  test("CONVERSATION_DISSOLVED: nobody writes, the rows stay readable", async () => {
    const path = await group();
    await say(ann, path);
    await using b = await openSocket(target.last, ben.accessToken);
    expect(await refusal(call(ben, "DELETE", path))).toBe("403 INSUFFICIENT_PERMISSION");
    expect((await call(ann, "DELETE", `${path}?reason=done`)).status).toBe(200);
    expect((await b.next("conversation-updated")).data).toMatchObject({ changed: ["dissolved"], reason: "done" });
    expect(await refusal(say(ben, path))).toBe("410 CONVERSATION_DISSOLVED");
    expect(await refusal(call(ann, "DELETE", path))).toBe("410 CONVERSATION_DISSOLVED");
    expect(await wholeHistory(api, idOf(path), ben.accessToken)).toHaveLength(2);
  });

  test("a single chat is hidden from its own list until the next message", async () => {
    const { data } = await call<{ id: string }>(ben, "POST", "/conversations", { type: 1, members: [ann.userId] });
    const path = `/conversations/${data.id}`;
    await say(ann, path, "old");
    await using other = await openSocket(target.last, ben.accessToken);
    expect((await call(ben, "DELETE", path)).status).toBe(200);
    const hid = await other.next("conversation-updated", ({ data: told }) => String(told.changed) === "hidden");
    expect(hid.data).toMatchObject({ conversationId: data.id });
    const listed = async () => {
      const list = await call<{ conversations: { id: string; unreadCount: number }[] }>(
        ben,
        "GET",
        "/conversations?type=1",
      );
      return list.data.conversations.find(({ id }) => id === data.id);
    };
    expect(await listed()).toBeUndefined();
    await say(ann, path, "new");
    expect(await listed()).toMatchObject({ unreadCount: 1 });
    expect(await wholeHistory(api, data.id, ben.accessToken)).toHaveLength(1);
  });

  test("pinned and muted are one's own; muted ones are not in the total; found by name", async () => {
    const path = await group([cat]);
    await say(ann, path);
    const total = async () => (await call<{ total: number }>(cat, "GET", "/conversations/unread")).data.total;
    const before = await total();
    await using other = await openSocket(target.last, cat.accessToken);
    expect((await call(cat, "PUT", `${path}/settings`, { pinned: true, notifyMuted: true })).status).toBe(200);
    const chosen = (frame: Frame) => String(frame.data.changed).startsWith("pinned");
    expect((await other.next("conversation-updated", chosen)).data).toEqual({
      ...{ conversationId: idOf(path), changed: ["pinned", "notifyMuted"] },
      conversation: { pinned: true, notifyMuted: true },
    });
    expect(await total()).toBe(before - 1);
    const first = await call<{ conversations: { id: string }[] }>(cat, "GET", "/conversations?size=2");
    expect(first.data.conversations.map(({ id }) => id)).toContain(idOf(path));
    expect((await call(cat, "GET", path)).data).toMatchObject({ pinned: true, notifyMuted: true });
    expect((await call(ann, "GET", path)).data).toMatchObject({ pinned: false, notifyMuted: false });
    const found = await call<{ conversations: { id: string }[] }>(cat, "GET", "/conversations/search?q=CRE&type=2");
    expect(found.data.conversations.map(({ id }) => id)).toContain(idOf(path));
    expect(await refusal(call(eve, "PUT", `${path}/settings`, { pinned: true }))).toBe("403 NOT_CONVERSATION_MEMBER");
    expect((await call(cat, "POST", "/conversations/world/join")).data).toMatchObject({ id: "world" });
  });
}

function receipts(): void {
  test("reading is told to who wrote and to the reader's own devices; readers of a seq", async () => {
    const path = await group([ben, cat]);
    await say(ann, path);
    await using a = await openSocket(target.first, ann.accessToken);
    await using b = await openSocket(target.last, ben.accessToken);
    await using other = await openSocket(target.first, ben.accessToken);
    b.send("mark-read", { conversationId: idOf(path), seqId: 9 });
    expect((await b.next("read-ack")).data).toMatchObject({ lastReadSeqId: 1, unreadCount: 0 });
    const read = { conversationId: idOf(path), userId: ben.userId, lastReadSeqId: 1 };
    for (const socket of [a, other]) expect((await socket.next("message-read")).data).toEqual(read);
    const { data } = await call<{ readers: object[]; unreadUserIds: string[] }>(ann, "GET", `${path}/reads?seqId=1`);
    expect(data.readers).toContainEqual({ userId: ben.userId, lastReadSeqId: 1 });
    expect(data.unreadUserIds).toEqual([cat.userId]);
    expect(await refusal(call(ann, "GET", "/conversations/world/reads?seqId=1"))).toBe("403 OPERATION_NOT_SUPPORTED");
  });

  test("a single conversation has the settings that it began with: no recalls, no receipts", async () => {
    const [dan, fay] = [await newAccount(api, "dan"), await newAccount(api, "fay")];
    const settings = { allow_recall: false, recall_time_limit: 600, show_read_status: false };
    const begin = (by: Account, peer: Account, more: object) =>
      call<{ id: string }>(by, "POST", "/conversations", { type: 1, members: [peer.userId], settings: more });
    for (const none of [{ allow_recall: 1 }, { recall_time_limit: -1 }, { show_read_status: "no" }]) {
      expect(await refusal(begin(dan, fay, none))).toBe("400 INVALID_PARAMETER");
    }
    const begun = await begin(dan, fay, { single_settings: settings, mute_all: true });
    expect([begun.status, begun.data]).toMatchObject([201, { settings }]);
    // It is there: nothing of it changes.
    const again = await begin(fay, dan, { show_read_status: true });
    expect([again.status, again.data]).toMatchObject([200, { settings }]);
    const path = `/conversations/${begun.data.id}`;
    await using d = await openSocket(target.first, dan.accessToken);
    await using f = await openSocket(target.last, fay.accessToken);
    const said = (await say(dan, path)).data.id;
    expect(await refusal(call(dan, "POST", `/messages/${said}/recall`))).toBe("409 RECALL_TIME_EXCEEDED");
    expect((await call(fay, "PUT", `${path}/read`, { seqId: 1 })).status).toBe(200);
    expect((await f.next("message-read")).data).toMatchObject({ lastReadSeqId: 1 });
    await say(fay, path);
    await d.next("new-message");
    expect(d.frames.map(({ type }) => type)).not.toContain("message-read");
    const reads = (by: Account) => call(by, "GET", `${path}/reads?seqId=1`);
    expect((await reads(dan)).data).toMatchObject({ readers: [{ userId: dan.userId }], unreadUserIds: [] });
    expect((await reads(fay)).data).toMatchObject({ readers: [{ userId: fay.userId }], unreadUserIds: [] });
  });

  test("typing is told to the others, once in three seconds; not of the world", async () => {
    const path = await group();
    await using a = await openSocket(target.first, ann.accessToken);
    await using b = await openSocket(target.last, ben.accessToken);
    for (const type of ["typing", "typing", "stop-typing"]) a.send(type, { conversationId: idOf(path) });
    const typed = { conversationId: idOf(path), userId: ann.userId };
    const both = [await b.next("typing-indicator"), await b.next("typing-indicator")];
    expect(both.map(({ data }) => data.typing).sort()).toEqual([false, true]);
    for (const { data } of both) expect(data).toMatchObject(typed);
    a.send("typing", { conversationId: "world" }, "t");
    expect(await a.next("error")).toMatchObject({ id: "t", data: { code: "OPERATION_NOT_SUPPORTED" } });
  });
}
