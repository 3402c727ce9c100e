import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Action, PERMISSIONS } from "../../../proto/permissions.ts";
import { type Account, type Answer, newAccount } from "../../support/api.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

/*
 * The permission matrix of spec 10 §5 to §7, cell by cell over HTTP: who asks, where, and about whom. The tables here are
 * copied from the spec, not from the code. `y` is granted, `n` INSUFFICIENT_PERMISSION, `-` OPERATION_NOT_SUPPORTED, `o`
 * NOT_CONVERSATION_MEMBER, `l` CANNOT_LEAVE_CONVERSATION.
 */

const outcomes = {
  y: undefined,
  n: "INSUFFICIENT_PERMISSION",
  "-": "OPERATION_NOT_SUPPORTED",
  o: "NOT_CONVERSATION_MEMBER",
  l: "CANNOT_LEAVE_CONVERSATION",
} as const;
type Cell = keyof typeof outcomes;

/** Columns: single, member; group: member, admin, owner; world, member; a group that one is not in. */
const matrix: Record<Action, string> = {
  read: "y yyy y o",
  speak: "y yyy y o",
  react: "y yyy y o",
  list_members: "y yyy - o",
  recall_own: "y yyy y o",
  // Of a plain member.
  recall_others: "n nyy n o",
  edit_own: "y yyy y o",
  edit_others: "n nnn n o",
  pin: "y nyy n o",
  add_members: "- nyy - o",
  invite: "- yyy - o",
  remove_member: "- nyy - o",
  leave: "l yyl l o",
  mute_member: "- nyy - o",
  mute_all: "- nyy - o",
  set_role: "- nny - o",
  transfer_owner: "- nny - o",
  edit_info: "- nyy - o",
  announce: "- nyy - o",
  handle_join_requests: "- nyy - o",
  // A single conversation is hidden instead, for the caller alone.
  dissolve: "y nny - o",
};

/** By the role of the one concerned: member, admin, owner. Rows: asked by a member, an admin, the owner. */
const byTarget: Partial<Record<Action, string>> = {
  recall_others: "nnn ynn yy.",
  remove_member: "nnn ynn yyn",
  mute_member: "nnn ynn yyn",
  // The owner hands over; he cannot just step down.
  set_role: "nnn nnn yy-",
  // To himself: nothing changes.
  transfer_owner: "nnn nnn yyy",
};

let town: Town;
interface People {
  readonly owner: Account;
  readonly admin: Account;
  readonly otherAdmin: Account;
  readonly member: Account;
  readonly otherMember: Account;
  readonly outsider: Account;
}
let people: People;
beforeAll(async () => {
  town = await openTown();
  const made = await Promise.all(Array.from({ length: 6 }, () => newAccount(town.api)));
  const [owner, admin, otherAdmin, member, otherMember, outsider] = made as [
    ...[Account, Account, Account],
    ...[Account, Account, Account],
  ];
  people = { owner, admin, otherAdmin, member, otherMember, outsider };
});
afterAll(() => town?.[Symbol.asyncDispose]());

type Asked = Promise<Answer<unknown>>;
const call = <T = unknown>(by: Account, method: string, path: string, body?: object): Promise<Answer<T>> =>
  town.api.call<T>(method, path, body, by.accessToken);

async function done<T>(...request: Parameters<typeof call>): Promise<T> {
  const { success, code, data } = await call<T>(...request);
  if (!success) throw new Error(`${request[1]} ${request[2]}: ${code}`);
  return data;
}

interface Place {
  readonly id: string;
  readonly by: Account;
  /** The one concerned. */
  readonly target: Account;
}

const say = async (by: Account, id: string): Promise<string> =>
  (await done<{ id: string }>(by, "POST", `/conversations/${id}/messages`, { messageType: 1, content: "x" })).id;

async function newGroup(settings: object): Promise<string> {
  const { owner, outsider: _, ...others } = people;
  const members = Object.values(others).map(({ userId }) => userId);
  const body = { type: 2, name: "a group", members, settings };
  const { id } = await done<{ id: string }>(owner, "POST", "/conversations", body);
  for (const { userId } of [people.admin, people.otherAdmin]) {
    await done(owner, "PUT", `/conversations/${id}/members/${userId}`, { role: 2 });
  }
  return id;
}

/** Who is gone, and has left a message. */
async function messageOfOneGone({ id, by }: Place): Promise<string> {
  await done(people.owner, "POST", `/conversations/${id}/members`, { members: [by.userId] });
  const message = await say(by, id);
  await done(by, "POST", `/conversations/${id}/leave`, {});
  return message;
}
const ownMessage = (place: Place): Promise<string> =>
  place.by === people.outsider ? messageOfOneGone(place) : say(place.by, place.id);

const members = ({ id }: Place, rest = ""): string => `/conversations/${id}/members${rest}`;
const newcomer = (): object => ({ members: [people.outsider.userId] });

/** Each action as somebody does it. */
const acts: Record<Action, (place: Place) => Asked> = {
  read: ({ by, id }) => call(by, "GET", `/conversations/${id}/messages`),
  speak: ({ by, id }) => call(by, "POST", `/conversations/${id}/messages`, { messageType: 1, content: "x" }),
  react: async ({ by, id, target }) => call(by, "PUT", `/messages/${await say(target, id)}/reactions/x`, {}),
  list_members: (place) => call(place.by, "GET", members(place)),
  recall_own: async (place) => call(place.by, "POST", `/messages/${await ownMessage(place)}/recall`, {}),
  recall_others: async ({ by, id, target }) => call(by, "POST", `/messages/${await say(target, id)}/recall`, {}),
  edit_own: async (place) => call(place.by, "PUT", `/messages/${await ownMessage(place)}`, { content: "y" }),
  edit_others: async ({ by, id, target }) => call(by, "PUT", `/messages/${await say(target, id)}`, { content: "y" }),
  pin: async ({ by, id, target }) => call(by, "PUT", `/messages/${await say(target, id)}/pin`, {}),
  add_members: (place) => call(place.by, "POST", members(place), newcomer()),
  invite: (place) => call(place.by, "POST", members(place), newcomer()),
  remove_member: (place) => call(place.by, "DELETE", members(place, `/${place.target.userId}`)),
  leave: ({ by, id }) => call(by, "POST", `/conversations/${id}/leave`, {}),
  mute_member: (place) => call(place.by, "PUT", members(place, `/${place.target.userId}/mute`), { muted: true }),
  mute_all: ({ by, id }) => call(by, "PUT", `/conversations/${id}/mute-all`, { enabled: true }),
  set_role: (place) => call(place.by, "PUT", members(place, `/${place.target.userId}`), { role: roleFor(place) }),
  transfer_owner: (place) => call(place.by, "PUT", members(place, `/${place.target.userId}`), { role: 3 }),
  edit_info: ({ by, id }) => call(by, "PUT", `/conversations/${id}`, { description: "new" }),
  announce: ({ by, id }) => call(by, "PUT", `/conversations/${id}/announcement`, { content: "x" }),
  handle_join_requests: ({ by, id }) => call(by, "GET", `/conversations/${id}/join-requests`),
  dissolve: ({ by, id }) => call(by, "DELETE", `/conversations/${id}`),
};
/** Another one than he has. */
const roleFor = ({ target }: Place): number => (target === people.member || target === people.otherMember ? 2 : 1);

/** In these groups `invite_enabled` is off, but for the action that it grants. */
const groupFor = (action: Action): Promise<string> => newGroup({ invite_enabled: action === "invite" });

type Column = readonly [name: string, place: (action: Action) => Promise<Place>];
const inGroup =
  (role: keyof People): ((action: Action) => Promise<Place>) =>
  async (action) => ({ id: await groupFor(action), by: people[role], target: people.otherMember });
const columns: readonly Column[] = [
  [
    "single, member",
    async () => {
      const body = { type: 1, members: [people.otherMember.userId] };
      const { id } = await done<{ id: string }>(people.member, "POST", "/conversations", body);
      return { id, by: people.member, target: people.otherMember };
    },
  ],
  ["group, member", inGroup("member")],
  ["group, admin", inGroup("admin")],
  ["group, owner", inGroup("owner")],
  ["world, member", async () => ({ id: "world", by: people.member, target: people.otherMember })],
  ["another group", inGroup("outsider")],
];

function expectOutcome({ success, code }: Answer<unknown>, cell: Cell): void {
  expect([success, code]).toEqual([cell === "y", outcomes[cell]]);
}

test("every action of the code has its row here, and no row is left of another", () => {
  expect(Object.keys(matrix).sort()).toEqual(Object.keys(PERMISSIONS).sort());
  const above = Object.entries(PERMISSIONS).filter(([, permission]) => "above" in permission);
  for (const [action] of above) expect(Object.keys(byTarget)).toContain(action);
});

describe.each(Object.entries(matrix) as [Action, string][])("10 §6: %s", (action, cells) => {
  const row = columns.map(([name, place], at) => [name, cells.replaceAll(" ", "")[at] as Cell, place] as const);
  test.each(row)("%s: %s", async (_, cell, place) => {
    expectOutcome(await acts[action](await place(action)), cell);
  });
});

const ranks = ["member", "admin", "owner"] as const;
const targets = { member: "otherMember", admin: "otherAdmin", owner: "owner" } as const;
describe.each(Object.entries(byTarget) as [Action, string][])("10 §6: %s, by who is concerned", (action, rows) => {
  const cells = rows
    .split(" ")
    .flatMap((row, by) =>
      [...row].map((cell, of) => [ranks[by] ?? "owner", ranks[of] ?? "owner", cell as Cell | "."] as const),
    );
  // The owner's own message is no other's.
  test.each(cells.filter(([, , cell]) => cell !== "."))("%s of %s: %s", async (by, of, cell) => {
    const place = { id: await groupFor(action), by: people[by], target: people[targets[of]] };
    expectOutcome(await acts[action](place), cell as Cell);
  });
});

test("10 §6: who handles a join request answers it too", async () => {
  const { owner, admin, member, outsider } = people;
  const id = await newGroup({ join_approval_required: true });
  const asked = await done<{ id: string }>(outsider, "POST", `/conversations/${id}/join-requests`, {});
  const answer = (by: Account): Asked =>
    call(by, "PUT", `/conversations/${id}/join-requests/${asked.id}`, { action: "accept" });
  expectOutcome(await answer(member), "n");
  expectOutcome(await answer(outsider), "o");
  expectOutcome(await answer(admin), "y");
  expect((await done<{ memberCount: number }>(owner, "GET", `/conversations/${id}`)).memberCount).toBe(6);
});
