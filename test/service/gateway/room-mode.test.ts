import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Account, newAccount } from "../../support/api.ts";
import { openSocket } from "../../support/socket.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

let town: Town;
let people: Account[];
let path: string;
beforeEach(async () => {
  town = await openTown(undefined, {}, { gateways: 2, task: true, rooms: { above: 3, below: 3 } });
  people = [];
  for (const name of ["ann", "ben", "cat", "dan", "eve"]) people.push(await newAccount(town.api, name));
  const members = [1, 2].map((at) => person(at).userId);
  const made = await call<{ id: string }>(0, "POST", "/conversations", { type: 2, name: "crew", members });
  path = `/conversations/${made.data.id}`;
});
afterEach(() => town[Symbol.asyncDispose]());

function person(at: number): Account {
  const found = people[at];
  if (found === undefined) throw new Error(`nobody is number ${at}`);
  return found;
}

const call = <T = Record<string, unknown>>(by: number, method: string, to: string, body?: unknown) =>
  town.api.call<T>(method, to, body, person(by).accessToken);
const say = (content: string) => call(0, "POST", `${path}/messages`, { messageType: 1, content });
const open = (at: number, gateway: 0 | 1) => openSocket(town.gateways[gateway]?.url ?? "", person(at).accessToken);

test("a group becomes a room and a listed group again; every row reaches every member once; G7 for the removed", async () => {
  await using ann = await open(0, 0);
  await using ben = await open(1, 1);
  await using dan = await open(3, 1);
  const seen = async (socket: Awaited<ReturnType<typeof open>>) => (await socket.next("new-message")).data.content;
  await say("listed");
  for (const socket of [ann, ben]) expect(await seen(socket)).toBe("listed");

  // The fourth member switches the room on; he is told by the same rows.
  expect((await call(0, "POST", `${path}/members`, { members: [person(3).userId] })).status).toBe(201);
  for (const socket of [ann, ben, dan]) {
    expect((await socket.next("member-added")).data).toMatchObject({ seqId: 2, memberCount: 4 });
    expect((await socket.next("conversation-updated")).data).toMatchObject({ changed: ["roomMode"], room: true });
  }
  await say("room");
  for (const socket of [ann, ben, dan]) expect(await seen(socket)).toBe("room");

  // Somebody who is added to the room listens from then on; somebody who connects now, too.
  await using eve = await open(4, 0);
  await call(0, "POST", `${path}/members`, { members: [person(4).userId] });
  expect((await eve.next("member-added")).data).toMatchObject({ memberCount: 5 });
  await using cat = await open(2, 0);
  await say("five");
  for (const socket of [ann, ben, dan, eve, cat]) expect(await seen(socket)).toBe("five");

  // The removed is told, and gets nothing of what follows.
  await call(0, "DELETE", `${path}/members/${person(3).userId}`);
  expect((await dan.next("member-removed")).data).toMatchObject({ userIds: [person(3).userId], memberCount: 4 });
  await say("without dan");
  for (const socket of [ann, ben, eve, cat]) expect(await seen(socket)).toBe("without dan");

  for (const at of [4, 2]) await call(0, "DELETE", `${path}/members/${person(at).userId}`);
  for (const socket of [ann, ben]) {
    const { data } = await socket.next("conversation-updated");
    expect(data).toMatchObject({ changed: ["roomMode"], room: false });
  }
  await say("listed again");
  for (const socket of [ann, ben]) expect(await seen(socket)).toBe("listed again");
  await town.api.call(
    "POST",
    "/conversations/world/messages",
    { messageType: 1, content: "end" },
    person(0).accessToken,
  );
  // The end of what could have come to those who were removed.
  for (const socket of [dan, eve, cat]) expect(await seen(socket)).toBe("end");
}, 15_000);
