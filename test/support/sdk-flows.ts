import { afterAll, beforeAll, expect, test } from "bun:test";
import { replyOf } from "../../client/changes.ts";
import type { Client } from "../../client/client.ts";
import type { ClientError } from "../../client/errors.ts";
import { createMemoryStorage } from "../../client/storage.ts";
import { newName, online, sdkClients, until } from "./sdk-clients.ts";
import { accountBySdk, friendsBySdk, presenceBySdk } from "./sdk-friend-flows.ts";
import { insideOf, needsInside, notOurs, type Target } from "./target.ts";

let target: Target;
const { newClient, elsewhere } = sdkClients(() => target);

/** People who use the SDK, at the first and the last gateway of what `start` starts. */
export function sdkFlows(start: () => Promise<Target>): void {
  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  test("a send is acked with its place in the history; others have it in the same place", sendAndSee);
  test.skipIf(notOurs)(
    `G1, G2, G3: kill -9 between sends: every ack is in the history once and in order, what was open is sent again${needsInside}`,
    overCrash,
  );
  test("from a saved mark a later run gets every row above it, in order, and nothing twice", fromMark);
  test("10 §7: edit, react, reply, recall reach the other side's timeline", changesByTheSdk);
  const clients = { newClient, elsewhere };
  test("10 §8: friends over two gateways: ask, accept, remark, remove, block, unblock", () => friendsBySdk(clients));
  test("10 §4: who is online is known of friends, and not of strangers", () => presenceBySdk(clients));
  test("10 §3: sessions, password, upgrade of a guest, sign-out everywhere", () => accountBySdk(clients));
  test("a refusal has its code; signing out ends the session", refusals);
}

const texts = (client: Client, id: string): string[] =>
  client
    .open(id)
    .timeline.rows()
    .map((row) => row.content);

async function sendAndSee(): Promise<void> {
  const ann = newClient();
  const ben = elsewhere();
  await ann.auth.guest();
  await ben.auth.register(newName("sdk_ben"), "correct horse");
  await Promise.all([online(ann), online(ben)]);
  const view = ben.open("world");
  await until(ben, () => view.timeline.mark() !== undefined, "base");
  const sent = ann.send({ conversationId: "world", content: "by the SDK" });
  const stored = await sent.ack;
  await until(ben, () => texts(ben, "world").includes("by the SDK"), "pushed");
  const row = view.timeline.rows().find((one) => one.content === "by the SDK");
  expect(row).toMatchObject({ id: stored.messageId, seqId: stored.seqId, clientMsgId: sent.clientMsgId });
  ann.disconnect();
  ben.disconnect();
}

async function overCrash(): Promise<void> {
  const ann = newClient();
  const ben = elsewhere();
  await ann.auth.register(newName("sdk_kill_ann"), "correct horse");
  await ben.auth.register(newName("sdk_kill_ben"), "correct horse");
  await Promise.all([online(ann), online(ben)]);
  const id = (await ann.createSingle(ben.auth.session()?.user.id ?? "")).id;
  const acks: Promise<{ seqId: number | undefined }>[] = [];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) acks.push(ann.send({ conversationId: id, content: `${round}.${i}` }).ack);
    if (round === 1) {
      await insideOf(target).crash();
      ann.wake();
      ben.wake();
    }
  }
  const stored = await Promise.all(acks);
  expect(new Set(stored.map((ack) => ack.seqId)).size).toBe(60);
  await until(ben, () => ben.connection().at === "open", "ben is back");
  await until(ben, () => (ben.open(id).timeline.mark() ?? 0) === 60, "ben has all");
  const rows = ben.open(id).timeline.rows();
  while (ben.open(id).hasOlder()) await ben.open(id).loadOlder();
  expect(rows.map((row) => row.seqId)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  expect(new Set(rows.map((row) => row.content)).size).toBe(60);
  ann.disconnect();
  ben.disconnect();
}

async function fromMark(): Promise<void> {
  const storage = createMemoryStorage();
  const first = newClient({ storage });
  await first.auth.register(newName("sdk_mark"), "correct horse");
  await online(first);
  const view = first.open("world");
  await until(first, () => view.timeline.mark() !== undefined, "base");
  const mark = view.timeline.mark() ?? 0;
  first.disconnect();
  const other = elsewhere();
  await other.auth.guest();
  await online(other);
  for (let i = 0; i < 150; i++) await other.send({ conversationId: "world", content: `later ${i}` }).ack;
  const second = newClient({ storage, savedMark: () => mark });
  second.open("world");
  await online(second);
  await until(second, () => (second.open("world").timeline.mark() ?? 0) >= mark + 150, "caught up");
  expect(texts(second, "world")).toEqual(Array.from({ length: 150 }, (_, i) => `later ${i}`));
  second.disconnect();
  other.disconnect();
}

async function refusals(): Promise<void> {
  const ann = newClient();
  await ann.auth.guest();
  await online(ann);
  const refused = await ann.createGroup("no", ["1"]).catch((error: ClientError) => error.code);
  expect(refused).toBe("GUEST_FORBIDDEN");
  const lost = await ann
    .send({ conversationId: "12345", content: "to nobody" })
    .ack.catch((error: ClientError) => error.code);
  expect(["CONVERSATION_NOT_FOUND", "NOT_CONVERSATION_MEMBER", "FORBIDDEN"]).toContain(String(lost));
  await ann.auth.logout();
  expect(ann.auth.session()).toBeUndefined();
  expect(ann.connection().at).toBe("off");
}

async function changesByTheSdk(): Promise<void> {
  const ann = newClient();
  const ben = elsewhere();
  await Promise.all([ann, ben].map((client, at) => client.auth.register(newName(`sdk_c${at}`), "correct horse")));
  await Promise.all([online(ann), online(ben)]);
  const { id } = await ann.createSingle(ben.auth.session()?.user.id ?? "");
  const mine = ann.open(id);
  const view = ben.open(id);
  await until(ben, () => view.timeline.mark() !== undefined, "base");
  const types: string[] = [];
  ben.on("change", ({ type }) => types.push(type));
  const { messageId } = await ann.send({ conversationId: id, content: "teh" }).ack;
  const theirs = () => view.timeline.rows()[0];
  await until(ben, () => theirs() !== undefined, "the message");
  await ann.messages.edit(messageId, "the");
  await until(ben, () => theirs()?.content === "the", "the edit");
  await ben.messages.react(messageId, "👍");
  await until(ann, () => mine.timeline.rows()[0]?.reactions?.[0]?.count === 1, "the reaction");
  expect(mine.timeline.rows()[0]?.reactions).toEqual([{ emoji: "👍", count: 1, mine: false }]);
  expect(theirs()?.reactions).toEqual([{ emoji: "👍", count: 1, mine: true }]);
  const target = theirs();
  if (target === undefined) throw new Error("it is gone");
  await ben.send({ conversationId: id, content: "yes", replyTo: replyOf(target) }).ack;
  await until(ann, () => mine.timeline.rows().some((row) => row.replyTo?.preview === "the"), "the reply");
  expect(await ann.messages.pin(messageId)).toMatchObject([{ messageId, seqId: 1 }]);
  expect((await ben.messages.pins(id))[0]?.message?.content).toBe("the");
  expect(await ben.messages.forward(messageId, ["world"])).toMatchObject({
    messages: [{ content: "the" }],
    failed: [],
  });
  expect((await ann.messages.recall(messageId)).deleted).toBe(true);
  await until(ben, () => theirs()?.deleted === true, "the recall");
  expect(view.timeline.rows().find((row) => row.content === "yes")?.replyTo?.preview).toBe("");
  await until(ben, () => types.length === 4, "all changes");
  expect(types).toEqual(["edit", "reaction", "pin", "recall"]);
  const again = await ann.messages.edit(messageId, "x").catch((error: ClientError) => error.code);
  expect(again).toBe("MESSAGE_RECALLED");
  for (const client of [ann, ben]) client.disconnect();
}
