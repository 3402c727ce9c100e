import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { WebSocket } from "ws";
import type { Target } from "./target.ts";

/*
 * A client that shares nothing with the SDK or the other tests: curl and a stock WebSocket library, written from
 * docs/api/openapi.yaml and docs/api/asyncapi.yaml alone. Where those do not say enough for this file, they are wrong.
 */

type Json = Record<string, unknown>;

interface Device {
  readonly userId: string;
  readonly token: string;
  readonly name: string;
}

let target: Target;
/** Tells runs against the same server apart. */
const run = Math.random().toString(36).slice(2, 9);
const frameWaitMs = 10_000;

/** `path` below /api; resolves to the status, `code` and `data` of the envelope. */
async function curl(method: string, path: string, body?: Json, token?: string): Promise<{ status: number } & Json> {
  const command = ["curl", "-sS", "-X", method, "-w", "\n%{http_code}", `${target.first}/api${path}`];
  if (token !== undefined) command.push("-H", `Authorization: Bearer ${token}`);
  if (body !== undefined) command.push("-H", "Content-Type: application/json", "-d", JSON.stringify(body));
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  const cut = text.lastIndexOf("\n");
  return { ...(JSON.parse(text.slice(0, cut)) as Json), status: Number(text.slice(cut + 1)) };
}

/** `data` of what must succeed. */
async function ask(method: string, path: string, device: Device, body?: Json): Promise<Json> {
  const answer = await curl(method, path, body, device.token);
  expect([method, path, answer.status, answer.code]).toEqual([
    method,
    path,
    method === "POST" ? answer.status : 200,
    undefined,
  ]);
  expect(answer.success).toBe(true);
  return (answer.data ?? {}) as Json;
}

async function signIn(name: string, deviceId: string): Promise<Device> {
  const body = { username: `${name}_${run}`, password: "a long password", deviceId, platform: "desktop" };
  const { status, data } = await curl("POST", "/auth/login", body);
  expect(status).toBe(200);
  const { accessToken, user } = data as { accessToken: string; user: { id: string } };
  return { userId: user.id, token: accessToken, name };
}

class Line implements Disposable {
  readonly socket: WebSocket;
  readonly frames: { type: string; data: Json; id?: string }[] = [];

  constructor(device: Device, deviceId: string) {
    const url = `${target.last.replace("http", "ws")}/ws?deviceId=${deviceId}`;
    this.socket = new WebSocket(url, ["gochat.v1.json"], { headers: { Authorization: `Bearer ${device.token}` } });
    this.socket.on("message", (text) => this.frames.push(JSON.parse(String(text)) as (typeof this.frames)[number]));
  }

  send(type: string, data: Json, id?: string): void {
    this.socket.send(JSON.stringify({ type, data, ...(id === undefined ? {} : { id }) }));
  }

  /** The data of the first frame of this type that holds these fields; it is taken away. */
  async next(type: string, holds: Json = {}): Promise<Json> {
    const fits = ({ data }: { data: Json }): boolean =>
      Object.entries(holds).every(([name, value]) => data[name] === value);
    for (const deadline = Date.now() + frameWaitMs; Date.now() < deadline; await Bun.sleep(10)) {
      const index = this.frames.findIndex((frame) => frame.type === type && fits(frame));
      if (index >= 0) return this.frames.splice(index, 1)[0]?.data ?? {};
    }
    throw new Error(`no ${type} with ${JSON.stringify(holds)}, but ${JSON.stringify(this.frames).slice(0, 2000)}`);
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}

async function open(device: Device, deviceId = "first"): Promise<Line> {
  const line = new Line(device, deviceId);
  expect((await line.next("connected")).userId).toBe(device.userId);
  return line;
}

let ann: Device;
let ben: Device;
let single: string;
let group: string;
let seen = 0;

const idOf = (data: Json): string => data.id as string;

/** Runs through the whole of what a chat does, step by step; later steps stand on earlier ones. */
export function secondClientFlows(start: () => Promise<Target>): void {
  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  describe("a second client, by the documents alone", () => {
    people();
    changes();
    groups();
    offline();
  });
}

function people(): void {
  test("registers two and signs them in", async () => {
    for (const name of ["ann", "ben"]) {
      const made = await curl("POST", "/auth/register", { username: `${name}_${run}`, password: "a long password" });
      expect(made).toMatchObject({ status: 201, data: { user: { username: `${name}_${run}` } } });
    }
    [ann, ben] = [await signIn("ann", "first"), await signIn("ben", "first")];
  });

  test("befriends them", async () => {
    using line = await open(ben);
    const found = await ask("GET", `/users/search?q=ben_${run}`, ann);
    expect(found.users).toMatchObject([{ id: ben.userId }]);
    await ask("POST", "/friends/requests", ann, { targetUserId: ben.userId, message: "it is Ann" });
    const { requestId } = await line.next("friend-request", { event: "received", message: "it is Ann" });
    const accepted = await ask("PUT", `/friends/requests/${String(requestId)}`, ben, { action: "accept" });
    single = idOf(accepted.conversation as Json);
    expect((await line.next("friend-added")).conversationId).toBe(single);
    expect((await ask("GET", "/friends", ann)).friends).toMatchObject([{ friendId: ben.userId, status: 1 }]);
  });

  test("chats in their single conversation, with a reply and read receipts", async () => {
    using a = await open(ann);
    using b = await open(ben);
    const text = { conversationId: single, messageType: 1, client_msg_id: `hello-${run}`, content: "hello" };
    a.send("send-message", text, "1");
    const ack = await a.next("message-ack", { client_msg_id: text.client_msg_id });
    expect(ack).toMatchObject({ status: "success", conversationId: single });
    const pushed = await b.next("new-message", { id: ack.messageId });
    expect(pushed).toMatchObject({ content: "hello", sender: { id: ann.userId }, seqId: ack.seqId });
    a.send("send-message", text, "2");
    expect(await a.next("message-ack")).toMatchObject({ messageId: ack.messageId, seqId: ack.seqId });
    const answer = { messageType: 1, client_msg_id: `re-${run}`, content: "and you", replyToMessageId: ack.messageId };
    await ask("POST", `/conversations/${single}/messages`, ben, answer);
    const reply = await a.next("new-message", { content: "and you" });
    expect(reply.replyTo).toMatchObject({ messageId: ack.messageId, senderId: ann.userId, preview: "hello" });
    a.send("mark-read", { conversationId: single, seqId: reply.seqId }, "3");
    expect(await a.next("read-ack")).toMatchObject({ lastReadSeqId: reply.seqId, unreadCount: 0 });
    const receipt = await b.next("message-read", { conversationId: single, userId: ann.userId });
    expect(receipt.lastReadSeqId).toBe(reply.seqId);
    seen = Number(reply.seqId);
  });
}

function changes(): void {
  test("edits, reacts and recalls; the other side sees each", async () => {
    using b = await open(ben);
    const path = `/conversations/${single}/messages`;
    const sent = idOf(await ask("POST", path, ann, { messageType: 1, content: "teh", client_msg_id: `typo-${run}` }));
    await b.next("new-message", { id: sent });
    await ask("PUT", `/messages/${sent}`, ann, { content: "the", client_msg_id: `edit-${run}` });
    expect(await b.next("message-edited", { messageId: sent })).toMatchObject({
      content: "the",
      operatorId: ann.userId,
    });
    await ask("PUT", `/messages/${sent}/reactions/${encodeURIComponent("👍")}`, ben, { client_msg_id: `up-${run}` });
    expect(await b.next("message-reaction", { messageId: sent })).toMatchObject({ emoji: "👍", count: 1 });
    const shown = await ask("GET", `/messages/${sent}`, ben);
    expect(shown).toMatchObject({ content: "the", reactions: [{ emoji: "👍", count: 1, mine: true }] });
    await ask("POST", `/messages/${sent}/recall`, ann, { reason: "never mind", client_msg_id: `recall-${run}` });
    await b.next("message-recalled", { messageId: sent });
    expect(await ask("GET", `/messages/${sent}`, ben)).toMatchObject({ deleted: true, content: "" });
  });
}

function groups(): void {
  test("makes a group, gives a role and mutes", async () => {
    await curl("POST", "/auth/register", { username: `eve_${run}`, password: "a long password" });
    const eve = await signIn("eve", "first");
    using b = await open(ben);
    using e = await open(eve);
    const made = await ask("POST", "/conversations", ann, { type: 2, name: "three", members: [ben.userId] });
    group = idOf(made);
    const key = (name: string): string => `${name}-${run}`;
    const added = await ask("POST", `/conversations/${group}/members`, ann, {
      members: [eve.userId],
      client_msg_id: key("add"),
    });
    expect(added).toEqual({ added: [eve.userId], failed: [] });
    await e.next("member-added", { conversationId: group });
    await ask("PUT", `/conversations/${group}/members/${ben.userId}`, ann, { role: 2, client_msg_id: key("role") });
    expect(await e.next("member-updated", { conversationId: group, userId: ben.userId })).toMatchObject({ role: 2 });
    // An admin mutes a member.
    const mute = { muted: true, durationSeconds: 600, client_msg_id: key("mute") };
    await ask("PUT", `/conversations/${group}/members/${eve.userId}/mute`, ben, mute);
    expect(await e.next("member-updated", { userId: eve.userId })).toMatchObject({ muted: true });
    const write = { messageType: 1, content: "may I?", client_msg_id: key("muted") };
    const refused = await curl("POST", `/conversations/${group}/messages`, write, eve.token);
    expect(refused).toMatchObject({ status: 403, success: false, code: "USER_MUTED" });
    const { members } = await ask("GET", `/conversations/${group}/members`, eve);
    const roles = (members as { userId: string; role: number }[]).map(({ userId, role }) => [userId, role]);
    expect(new Map(roles as [string, number][])).toEqual(
      new Map([
        [ann.userId, 3],
        [ben.userId, 2],
        [eve.userId, 1],
      ]),
    );
    const unmute = { muted: false, client_msg_id: key("unmute") };
    await ask("PUT", `/conversations/${group}/members/${eve.userId}/mute`, ben, unmute);
    const { seqId } = await ask("POST", `/conversations/${group}/messages`, eve, {
      ...write,
      client_msg_id: key("free"),
    });
    await b.next("new-message", { conversationId: group, seqId });
    await ask("PUT", `/conversations/${group}/read`, ben, { seqId });
    const reads = await ask("GET", `/conversations/${group}/reads?seqId=${String(seqId)}`, eve);
    expect(reads.readers).toContainEqual({ userId: ben.userId, lastReadSeqId: seqId });
    expect(reads.unreadUserIds).toEqual([ann.userId]);
  });
}

function offline(): void {
  test("syncs a second device that was away, and ends with what the first has", async () => {
    const second = await signIn("ben", "second");
    for (let index = 0; index < 3; index += 1) {
      const body = { messageType: 1, content: `meanwhile ${index}`, client_msg_id: `away-${index}-${run}` };
      await ask("POST", `/conversations/${single}/messages`, ann, body);
    }
    using line = await open(second, "second");
    const { conversations } = await ask("GET", "/conversations", second);
    const ids = (conversations as Json[]).map(idOf);
    expect(ids).toContain(single);
    expect(ids).toContain(group);
    const rows: Json[] = [];
    for (let more = true; more; ) {
      const afterSeq = Number(rows.at(-1)?.seqId ?? seen);
      line.send("sync", { conversations: [{ id: single, afterSeq }], limit: 2 }, "sync");
      const [synced] = (await line.next("sync-result")).conversations as (Json & { messages: Json[] })[];
      rows.push(...(synced?.messages ?? []));
      more = synced?.hasMore === true;
    }
    // Each change is a row of its own, seqs have no holes.
    expect(rows.map(({ seqId }) => seqId)).toEqual(rows.map((_, index) => seen + 1 + index));
    expect(rows.map(({ kind, content, changeType }) => (kind === "change" ? changeType : content))).toEqual([
      ...["", "edit", "reaction", "recall"],
      ...["meanwhile 0", "meanwhile 1", "meanwhile 2"],
    ]);
    const path = `/conversations/${single}/messages?after_seq=${seen}&limit=100`;
    expect((await ask("GET", path, ben)).messages).toMatchObject(rows.map(({ id, seqId }) => ({ id, seqId })));
  });
}
