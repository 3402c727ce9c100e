import type { Found } from "#infra/db/steps.ts";
import type { CommitItem, Refusal } from "./commit-item.ts";
import type { CommitPlans } from "./commit-plans.ts";

export type ConversationRow = Found<CommitPlans["lock"]["columns"]>;
export type MemberRow = Found<CommitPlans["members"]["columns"]>;
export type SenderRow = Found<CommitPlans["senders"]["columns"]>;

/** What the database said about the batch, read after the conversations were locked. */
export interface Facts {
  readonly nowMs: number;
  readonly conversations: ReadonlyMap<string, ConversationRow>;
  /** By `memberKey`. */
  readonly members: ReadonlyMap<string, MemberRow>;
  readonly senders: ReadonlyMap<bigint, SenderRow>;
  /** `memberKey(conversation, sender)` of single chats whose other side blocked the sender. */
  readonly blocked: ReadonlySet<string>;
}

const conversationType = { single: 1, group: 2, world: 3 } as const;
const memberRole = 1;

/** The number comes first: no conversation id that a client makes up can be taken for another pair. */
export function memberKey(conversationId: string, userId: bigint): string {
  return `${userId} ${conversationId}`;
}

/** The other side of `single_{lower}_{higher}`, or undefined for any other conversation. */
export function peerOf(conversationId: string, userId: bigint): bigint | undefined {
  if (!conversationId.startsWith("single_")) return undefined;
  const ids = /^single_(\d{1,19})_(\d{1,19})$/.exec(conversationId);
  if (ids === null) return undefined;
  const [low, high] = [BigInt(ids[1] ?? 0), BigInt(ids[2] ?? 0)];
  if (userId === low) return high;
  return userId === high ? low : undefined;
}

/** `group_settings.mute_all`; the settings are this system's own JSON. */
function isAllMuted(conversation: Pick<ConversationRow, "settings">): boolean {
  if (conversation.settings === null || !conversation.settings.includes("mute_all")) return false;
  const settings = JSON.parse(conversation.settings) as { group_settings?: { mute_all?: boolean }; mute_all?: boolean };
  return settings.group_settings?.mute_all === true || settings.mute_all === true;
}

/** Why the member may not speak now, or undefined. */
export function muteOf(
  conversation: Pick<ConversationRow, "settings">,
  member: Pick<MemberRow, "muted" | "mutedUntil" | "role">,
  nowMs: number,
): Refusal | undefined {
  if (member.muted && member.mutedUntil === null) return mutedAs("muted until it is lifted");
  if (member.muted && member.mutedUntil !== null && member.mutedUntil > nowMs) {
    const until = Math.ceil(member.mutedUntil / 1000);
    return mutedAs(`muted until ${until}`, until);
  }
  if (member.role === memberRole && isAllMuted(conversation)) return mutedAs("only administrators may speak");
  return undefined;
}

function mutedAs(message: string, mutedUntil = 0): Refusal {
  return { code: "USER_MUTED", message, mutedUntil };
}

/** Why `item` may not be stored, or undefined. The order is that of what a user may learn: nothing about a conversation
 *  to those who are not in it. */
export function refusalOf(item: CommitItem, facts: Facts): Refusal | undefined {
  const sender = facts.senders.get(item.senderId);
  if (sender === undefined) return { code: "USER_NOT_FOUND", message: "no such account" };
  if (sender.status !== 0) return { code: "USER_DISABLED", message: "the account is disabled" };
  const conversation = facts.conversations.get(item.conversationId);
  if (conversation === undefined) return { code: "CONVERSATION_NOT_FOUND", message: "no such conversation" };
  const member = facts.members.get(memberKey(item.conversationId, item.senderId));
  if (member === undefined) return { code: "NOT_CONVERSATION_MEMBER", message: "not a member" };
  if (conversation.dissolvedAt !== null) return { code: "CONVERSATION_DISSOLVED", message: "dissolved" };
  if (sender.isGuest && conversation.type !== conversationType.world) {
    return { code: "GUEST_FORBIDDEN", message: "guests may write in the world room only" };
  }
  const muted = muteOf(conversation, member, facts.nowMs);
  if (muted !== undefined) return muted;
  if (facts.blocked.has(memberKey(item.conversationId, item.senderId))) {
    return { code: "BLOCKED_BY_USER", message: "not allowed" };
  }
  return undefined;
}
