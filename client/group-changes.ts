import type { ConversationJson as Conversation, MessageJson as Message } from "#proto/objects.ts";
import type { FrameData } from "./changes.ts";

/** A member as a change names him. */
export interface NamedMember {
  readonly userId: string;
  readonly username: string;
  /** 1 member, 2 admin, 3 owner. */
  readonly role: number;
}

/** Fields of a conversation that a change may carry; an empty text means that it is gone. */
export type ConversationFields = Partial<
  Pick<Conversation, "name" | "avatarUrl" | "description" | "settings" | "announcement">
>;

/** What a change of a conversation says: the frames `member-*` and `conversation-updated` of spec 20 §5, and the same rows in
 *  history. */
export type GroupChange = { readonly conversationId: string; readonly operatorId: string; readonly row: Message } & (
  | { readonly type: "added"; readonly members: readonly NamedMember[]; readonly memberCount: number }
  | { readonly type: "removed" | "left"; readonly userIds: readonly string[]; readonly memberCount: number }
  | { readonly type: "role"; readonly userId: string; readonly role: number }
  /** `mutedUntil`: Unix seconds, 0 = until it is lifted. */
  | { readonly type: "mute"; readonly userId: string; readonly muted: boolean; readonly mutedUntil: number }
  | { readonly type: "info"; readonly changed: readonly string[]; readonly fields: ConversationFields }
  | { readonly type: "dissolved"; readonly reason: string }
);

const infoFields = ["name", "avatarUrl", "description", "settings", "announcement"] as const;

/** The change of a conversation or its members that a row is; undefined for messages, and for changes of messages. */
export function groupChangeOf(row: Message): GroupChange | undefined {
  if (row.kind !== "change") return undefined;
  const change = (row.change ?? {}) as FrameData;
  const at = { conversationId: row.conversationId, operatorId: row.senderId, row };
  const memberCount = Number(change.memberCount ?? 0);
  switch (row.changeType) {
    case "member_added":
      return { ...at, type: "added", members: listOf(change.members) as NamedMember[], memberCount };
    case "member_removed":
    case "member_left": {
      const type = row.changeType === "member_left" ? "left" : "removed";
      return { ...at, type, userIds: listOf(change.userIds).map(String), memberCount };
    }
    case "member_role":
      return { ...at, type: "role", userId: String(change.userId), role: Number(change.role) };
    case "member_mute": {
      const { userId, muted, mutedUntil } = change;
      return {
        ...at,
        type: "mute",
        userId: String(userId),
        muted: muted === true,
        mutedUntil: Number(mutedUntil ?? 0),
      };
    }
    case "info_updated":
      return { ...at, type: "info", changed: listOf(change.changed).map(String), fields: fieldsOf(change) };
    case "dissolved":
      return { ...at, type: "dissolved", reason: typeof change.reason === "string" ? change.reason : "" };
    default:
      return undefined;
  }
}

/** The conversation after a change; undefined when `me` is no member any more. The head is not touched. */
export function changedConversation(
  before: Conversation,
  change: GroupChange,
  me: string | undefined,
): Conversation | undefined {
  const mine = before.myMembership;
  switch (change.type) {
    case "added":
      return { ...before, memberCount: change.memberCount };
    case "removed":
    case "left":
      return me !== undefined && change.userIds.includes(me)
        ? undefined
        : { ...before, memberCount: change.memberCount };
    case "role": {
      const owned = change.role === 3 ? { ...before, ownerId: change.userId } : before;
      return change.userId !== me || mine === undefined
        ? owned
        : { ...owned, myMembership: { ...mine, role: change.role } };
    }
    case "mute": {
      const { userId, muted, mutedUntil } = change;
      return userId !== me || mine === undefined ? before : { ...before, myMembership: { ...mine, muted, mutedUntil } };
    }
    case "info":
      return { ...before, ...change.fields };
    case "dissolved":
      return { ...before, dissolvedAt: change.row.createdAt };
  }
}

function fieldsOf(change: FrameData): ConversationFields {
  const given = (typeof change.conversation === "object" ? (change.conversation ?? {}) : {}) as FrameData;
  return Object.fromEntries(infoFields.filter((name) => Object.hasOwn(given, name)).map((name) => [name, given[name]]));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
