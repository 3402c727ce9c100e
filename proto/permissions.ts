import type { ErrorName } from "./errors.ts";
import { ConversationType } from "./gen/gochat/common/v1/conversation_pb.ts";

/** The roles of a conversation. `nobody` is above all: no member has it. */
export const ROLE = { member: 1, admin: 2, owner: 3, nobody: 4 } as const;

export interface Permission {
  /** The least role by type of conversation; a type that is missing has no such operation. */
  readonly single?: number;
  readonly group?: number;
  readonly world?: number;
  /** The operator's role must also be above that of the person concerned. */
  readonly above?: true;
}

const everywhere = { single: ROLE.member, group: ROLE.member, world: ROLE.member } as const;
const groupOf = (role: number): Permission => ({ group: role });

/** The permission matrix (spec 10 §6, §7): the one table that says who may do what. It stands here because the decision is
 *  made where the rows are locked (G7: repo), while logic, and a page that shows buttons, ask the same question. What
 *  depends on more than roles (mutes, blocks, windows, settings of a group) is added by those who have these facts. */
export const PERMISSIONS = {
  read: everywhere,
  speak: everywhere,
  react: everywhere,
  list_members: { single: ROLE.member, group: ROLE.member },
  /** Within the recall window. */
  recall_own: everywhere,
  recall_others: { single: ROLE.nobody, group: ROLE.admin, world: ROLE.nobody, above: true },
  /** Text only, within the recall window. */
  edit_own: everywhere,
  edit_others: { single: ROLE.nobody, group: ROLE.nobody, world: ROLE.nobody },
  pin: { single: ROLE.member, group: ROLE.admin, world: ROLE.nobody },
  /** Any member where the group's `invite_enabled` says so: `invite`. */
  add_members: groupOf(ROLE.admin),
  invite: groupOf(ROLE.member),
  remove_member: { group: ROLE.admin, above: true },
  leave: groupOf(ROLE.member),
  mute_member: { group: ROLE.admin, above: true },
  mute_all: groupOf(ROLE.admin),
  set_role: groupOf(ROLE.owner),
  transfer_owner: groupOf(ROLE.owner),
  edit_info: groupOf(ROLE.admin),
  announce: groupOf(ROLE.admin),
  handle_join_requests: groupOf(ROLE.admin),
  dissolve: groupOf(ROLE.owner),
} as const satisfies Record<string, Permission>;

export type Action = keyof typeof PERMISSIONS;

export interface Asked {
  readonly type: number;
  /** Of the operator; 0: no member. */
  readonly role: number;
  /** Of the person concerned; 0: no member (any more). */
  readonly targetRole?: number;
}

/** Why the operator may not do this, or undefined. */
export function refusalOf(action: Action, { type, role, targetRole = 0 }: Asked): ErrorName | undefined {
  const permission: Permission = PERMISSIONS[action];
  if (role < ROLE.member) return "NOT_CONVERSATION_MEMBER";
  const least = leastRole(permission, type);
  if (least === undefined) return "OPERATION_NOT_SUPPORTED";
  if (role < least) return "INSUFFICIENT_PERMISSION";
  return permission.above === true && role <= targetRole ? "INSUFFICIENT_PERMISSION" : undefined;
}

function leastRole(permission: Permission, type: number): number | undefined {
  if (type === ConversationType.SINGLE) return permission.single;
  return type === ConversationType.GROUP ? permission.group : permission.world;
}
