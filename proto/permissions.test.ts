import { describe, expect, test } from "bun:test";
import { ConversationType } from "./gen/gochat/common/v1/conversation_pb.ts";
import { type Action, PERMISSIONS, ROLE, refusalOf } from "./permissions.ts";

/** The whole matrix of spec 10 §6 and §7, cell by cell: role of the operator by type of conversation. `y` may, `n`
 *  INSUFFICIENT_PERMISSION, `-` there is no such operation. Columns: single member; group member, admin, owner; world member. */
const matrix: Record<Action, string> = {
  read: "y yyy y",
  speak: "y yyy y",
  react: "y yyy y",
  list_members: "y yyy -",
  recall_own: "y yyy y",
  recall_others: "n nyy n",
  edit_own: "y yyy y",
  edit_others: "n nnn n",
  pin: "y nyy n",
  add_members: "- nyy -",
  invite: "- yyy -",
  remove_member: "- nyy -",
  leave: "- yyy -",
  mute_member: "- nyy -",
  mute_all: "- nyy -",
  set_role: "- nny -",
  transfer_owner: "- nny -",
  edit_info: "- nyy -",
  announce: "- nyy -",
  handle_join_requests: "- nyy -",
  dissolve: "- nny -",
};

const { SINGLE, GROUP, WORLD } = ConversationType;
const columns: [name: string, type: ConversationType, role: number][] = [
  ["single, member", SINGLE, ROLE.member],
  ["group, member", GROUP, ROLE.member],
  ["group, admin", GROUP, ROLE.admin],
  ["group, owner", GROUP, ROLE.owner],
  ["world, member", WORLD, ROLE.member],
];
const meaning = { y: undefined, n: "INSUFFICIENT_PERMISSION", "-": "OPERATION_NOT_SUPPORTED" } as const;

test("every operation of the table has its row here", () => {
  expect(Object.keys(PERMISSIONS).sort()).toEqual(Object.keys(matrix).sort());
});

for (const [action, cells] of Object.entries(matrix) as [Action, string][]) {
  describe(`10 §6: ${action}`, () => {
    for (const [at, [name, type, role]] of columns.entries()) {
      const cell = cells.replaceAll(" ", "")[at] as keyof typeof meaning;
      test(`${name}: ${meaning[cell] ?? "may"}`, () => {
        expect(refusalOf(action, { type, role })).toBe(meaning[cell]);
      });
    }

    test("no member: NOT_CONVERSATION_MEMBER", () => {
      for (const type of [SINGLE, GROUP, WORLD])
        expect(refusalOf(action, { type, role: 0 })).toBe("NOT_CONVERSATION_MEMBER");
    });
  });
}

const above = ["recall_others", "remove_member", "mute_member"] as const;
for (const action of above) {
  test(`${action} is for those who stand above the person concerned`, () => {
    const may = (role: number, targetRole: number): boolean =>
      refusalOf(action, { type: GROUP, role, targetRole }) === undefined;
    expect([may(2, 1), may(2, 2), may(2, 3), may(3, 1), may(3, 2), may(3, 3), may(2, 0)]).toEqual([
      true,
      false,
      false,
      true,
      true,
      false,
      true,
    ]);
  });
}
