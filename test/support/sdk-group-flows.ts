import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Client } from "../../client/client.ts";
import type { ClientError } from "../../client/errors.ts";
import type { GroupChange } from "../../client/group-changes.ts";
import { newName, online, sdkClients, until as untilOf } from "./sdk-clients.ts";
import type { Target } from "./target.ts";

let target: Target;
const { newClient, elsewhere } = sdkClients(() => target);
const everybody: Client[] = [];

/** People who use the SDK in groups, in turns at the first and the last gateway of what `start` starts. */
export function sdkGroupFlows(start: () => Promise<Target>): void {
  beforeAll(async () => {
    target = await start();
  });
  afterAll(async () => {
    for (const client of everybody) client.disconnect();
    await target?.[Symbol.asyncDispose]();
  });

  test("members, roles, mutes, ownership: what one does, the others' state shows", membersAndRoles);
  test("name, settings, announcement; a change of an older version is refused", infoAndAnnouncement);
  test("who is removed, leaves or comes back; a dissolved group can be read", comingAndGoing);
  test("asking to be let in: accepted and rejected", joining);
  test("typing shows and ends; receipts move on; pins are kept current", signals);
  test("pinned, silenced and hidden are one's own", personal);
}

const until = (holds: () => boolean, what: string): Promise<void> => untilOf(everybody[0] as Client, holds, what);
async function people(count: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: count }, (_, at) => person(at % 2 === 0 ? newClient() : elsewhere())));
}
async function person(client: Client): Promise<Client> {
  everybody.push(client);
  await client.auth.register(newName("sdkg"), "correct horse");
  return online(client);
}
const idOf = (client: Client): string => client.auth.session()?.user.id ?? "";
const codeOf = (done: Promise<unknown>): Promise<string> =>
  done.then(
    () => "done",
    (error: ClientError) => error.code,
  );
async function groupOf(owner: Client, ...others: Client[]): Promise<string> {
  const { id } = await owner.createGroup("crew", others.map(idOf));
  for (const one of others) await until(() => one.conversations.get(id) !== undefined, "the group is listed");
  return id;
}

async function membersAndRoles(): Promise<void> {
  const [ann, ben, cat] = (await people(3)) as [Client, Client, Client];
  const id = await groupOf(ann, ben);
  const changes: GroupChange["type"][] = [];
  ben.on("groupChange", ({ type }) => changes.push(type));
  const members = ben.members.open(id);
  await until(() => members.list().length === 2, "two members");
  expect(await ann.groups.add(id, [idOf(cat), "999999"])).toMatchObject({
    added: [idOf(cat)],
    failed: [{ userId: "999999", code: "USER_NOT_FOUND" }],
  });
  await until(() => members.list().length === 3, "cat is listed");
  await until(() => ben.conversations.get(id)?.memberCount === 3, "three are counted");
  expect(ben.names.get(idOf(cat))?.username).toBe(cat.auth.session()?.user.username ?? "");
  await ann.groups.setRole(id, idOf(ben), 2);
  await until(() => ben.conversations.get(id)?.myMembership?.role === 2, "ben is an admin");
  await until(() => cat.conversations.get(id) !== undefined, "cat has the group");
  expect(await ben.groups.mute(id, idOf(cat), 600)).toMatchObject({ muted: true });
  await until(() => cat.conversations.get(id)?.myMembership?.muted === true, "cat is told");
  expect(await codeOf(cat.send({ conversationId: id, content: "hm" }).ack)).toBe("USER_MUTED");
  expect(await ben.groups.unmute(id, idOf(cat))).toMatchObject({ muted: false });
  await cat.send({ conversationId: id, content: "thanks" }).ack;
  await ben.groups.muteAll(id, true);
  await until(() => cat.conversations.get(id)?.settings?.mute_all === true, "all are muted");
  expect(await codeOf(cat.groups.muteAll(id, false))).toBe("INSUFFICIENT_PERMISSION");
  await ann.groups.transfer(id, idOf(ben));
  await until(() => ann.conversations.get(id)?.myMembership?.role === 2, "ann is an admin");
  await until(() => members.get(idOf(ben))?.role === 3, "ben is the owner");
  expect(cat.conversations.get(id)?.ownerId).toBe(idOf(ben));
  expect(changes).toEqual(["added", "role", "mute", "mute", "info", "role", "role"]);
}

async function infoAndAnnouncement(): Promise<void> {
  const [ann, ben] = (await people(2)) as [Client, Client];
  const id = await groupOf(ann, ben);
  const { version = "" } = await ann.api.conversation(id);
  await ann.groups.update(id, { name: "team", description: "what we do", version });
  await until(() => ben.conversations.get(id)?.name === "team", "the name");
  expect(ben.conversations.get(id)?.description).toBe("what we do");
  expect(await codeOf(ann.groups.update(id, { name: "x", version }))).toBe("VERSION_CONFLICT");
  expect(await codeOf(ben.groups.update(id, { name: "x" }))).toBe("INSUFFICIENT_PERMISSION");
  await ann.groups.update(id, { settings: { invite_enabled: false } });
  await until(() => ben.conversations.get(id)?.settings?.invite_enabled === false, "the settings");
  expect(await ben.groups.announcement(id)).toBeUndefined();
  const first = await ann.groups.announce(id, { content: "party", pinned: true });
  await until(() => ben.conversations.get(id)?.announcement?.content === "party", "the announcement");
  expect(await ben.groups.announcement(id)).toEqual(first);
  await ann.groups.announce(id, { content: "later", version: first.version });
  expect(await codeOf(ann.groups.announce(id, { content: "no", version: first.version }))).toBe("VERSION_CONFLICT");
}

async function comingAndGoing(): Promise<void> {
  const [ann, ben, cat] = (await people(3)) as [Client, Client, Client];
  const id = await groupOf(ann, ben, cat);
  await ann.groups.remove(id, idOf(ben), "rude");
  await until(() => ben.conversations.get(id) === undefined, "ben is out");
  expect(await codeOf(ben.send({ conversationId: id, content: "hey" }).ack)).toBe("NOT_CONVERSATION_MEMBER");
  await ann.groups.add(id, [idOf(ben)]);
  await until(() => ben.conversations.get(id) !== undefined, "ben is back");
  expect(await codeOf(ann.groups.leave(id))).toBe("CANNOT_LEAVE_CONVERSATION");
  await cat.groups.leave(id);
  await until(() => cat.conversations.get(id) === undefined, "cat has left");
  await ann.send({ conversationId: id, content: "goodbye" }).ack;
  await ann.groups.dissolve(id, "done");
  await until(() => ben.conversations.get(id)?.dissolvedAt !== undefined, "it is dissolved");
  expect(await codeOf(ben.send({ conversationId: id, content: "hey" }).ack)).toBe("CONVERSATION_NOT_FOUND");
  await ben.conversations.refresh();
  expect(ben.conversations.get(id)?.dissolvedAt).toBeGreaterThan(0);
  const view = ben.open(id);
  await until(() => view.timeline.rows().some(({ content }) => content === "goodbye"), "the history");
}

async function joining(): Promise<void> {
  const [ann, ben, cat] = (await people(3)) as [Client, Client, Client];
  const { id } = await ann.createGroup("club", [idOf(ben)]);
  expect(await codeOf(cat.groups.requestJoin(id))).toBe("OPERATION_NOT_SUPPORTED");
  await ann.groups.update(id, { settings: { join_approval_required: true } });
  await cat.groups.requestJoin(id, "let me in");
  expect(await codeOf(cat.groups.requestJoin(id))).toBe("ALREADY_REQUESTED");
  const { requests } = await ann.groups.joinRequests(id, { status: 1 });
  expect(requests).toMatchObject([{ userId: idOf(cat), message: "let me in" }]);
  const [request] = requests;
  if (request === undefined) throw new Error("no request");
  expect(await ann.groups.rejectJoin(request)).toMatchObject({ status: 3 });
  await ann.groups.acceptJoin(await cat.groups.requestJoin(id));
  await until(() => cat.conversations.get(id) !== undefined, "cat is in");
}

async function signals(): Promise<void> {
  const [ann, ben, cat] = (await people(3)) as [Client, Client, Client];
  const id = await groupOf(ann, ben, cat);
  ben.typing.typed(id);
  await until(() => ann.typing.who(id).includes(idOf(ben)), "ben types");
  ben.typing.stopped(id);
  await until(() => ann.typing.who(id).length === 0, "ben stops");
  const { messageId, seqId = 0 } = await ann.send({ conversationId: id, content: "read this" }).ack;
  await until(() => ben.conversations.get(id)?.unreadCount === 1, "unread");
  ben.conversations.markRead(id, seqId);
  await until(() => ann.receipts.of(id).get(idOf(ben)) === seqId, "the receipt");
  await ann.receipts.load(id);
  expect(ann.receipts.of(id).get(idOf(cat))).toBeLessThan(seqId);
  expect((await ann.receipts.readersOf(id, seqId)).unreadUserIds).toEqual([idOf(cat)]);
  await cat.send({ conversationId: id, content: "so I did" }).ack;
  await until(() => (ann.receipts.of(id).get(idOf(cat)) ?? 0) > seqId, "who answers has read");
  await until(() => ben.pins.of(id)?.length === 0, "no pins");
  expect(await codeOf(ben.messages.pin(messageId))).toBe("INSUFFICIENT_PERMISSION");
  await ann.messages.pin(messageId);
  await until(() => ben.pins.of(id)?.[0]?.message?.content === "read this", "the pin");
  await ann.messages.unpin(messageId);
  await until(() => ben.pins.of(id)?.length === 0, "unpinned");
}

async function personal(): Promise<void> {
  const [ann, ben] = (await people(2)) as [Client, Client];
  const id = await groupOf(ann, ben);
  await ben.conversations.setPersonal(id, { pinned: true, notifyMuted: true });
  await ben.conversations.refresh();
  expect(ben.conversations.get(id)).toMatchObject({ pinned: true, notifyMuted: true });
  expect(ben.conversations.list().map((one) => one.id)).toEqual(["world", id]);
  expect(ann.conversations.get(id)).not.toMatchObject({ pinned: true });
  const single = await ben.createSingle(idOf(ann));
  await ben.send({ conversationId: single.id, content: "hello" }).ack;
  await ben.conversations.hide(single.id);
  await ben.conversations.refresh();
  expect(ben.conversations.get(single.id)).toBeUndefined();
  await ann.send({ conversationId: single.id, content: "still there?" }).ack;
  await until(() => ben.conversations.get(single.id)?.unreadCount === 1, "it is back");
}
