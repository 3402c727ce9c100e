import { signal } from "@preact/signals";
import type { GroupChange } from "#client/group-changes.ts";
import type { Announcement } from "#client/groups.ts";
import type { MemberList } from "#client/members.ts";
import type { PinnedMessage } from "#client/messages.ts";
import type { ConversationJson, ConversationMemberJson } from "#proto/objects.ts";
import { type Action, refusalOf } from "#proto/permissions.ts";
import { client, conversationList, session } from "./state.ts";
import { t } from "./strings.ts";

/** What the client keeps outside of signals: each grows when that store changed. */
const revisions = { members: signal(0), pins: signal(0), typing: signal(0), receipts: signal(0), names: signal(0) };
/** Announcements by conversation; undefined = nothing is announced. */
const announcements = signal<ReadonlyMap<string, Announcement | undefined>>(new Map());
/** Conversations that were closed to this user since the page was loaded, with their names. */
export const lost = signal<ReadonlyMap<string, string>>(new Map());

/** Connects the signals to the client. Call once, after `startState`. */
export function startTogether(): void {
  for (const what of ["members", "pins", "typing", "receipts", "names"] as const) {
    client.on(what, () => {
      revisions[what].value += 1;
    });
  }
  client.on("groupChange", applyChange);
  client.on("session", ({ session: next }) => {
    if (next !== undefined) return;
    announcements.value = new Map();
    lost.value = new Map();
  });
  client.on("conversations", () => {
    const still = [...lost.peek()].filter(([id]) => client.conversations.get(id) === undefined);
    if (still.length < lost.peek().size) lost.value = new Map(still);
  });
}

function applyChange(change: GroupChange): void {
  const { conversationId } = change;
  if ((change.type === "removed" || change.type === "left") && change.userIds.includes(session.peek()?.user.id ?? ""))
    lost.value = new Map([...lost.peek(), [conversationId, nameBefore(conversationId)]]);
  const fresh = change.type === "info" ? change.fields.announcement : undefined;
  if (fresh !== undefined) setAnnouncement(conversationId, fresh as unknown as Announcement);
}

/** The client has let go of it already; the list on screen has it until the next frame. */
function nameBefore(conversationId: string): string {
  return conversationList.peek().find((one) => one.id === conversationId)?.name ?? "";
}

function setAnnouncement(conversationId: string, announcement: Announcement | undefined): void {
  announcements.value = new Map([...announcements.peek(), [conversationId, announcement]]);
}

/** What is announced, when it was fetched; empty ones count as none. */
export function announcementOf(conversationId: string): Announcement | undefined {
  const known = announcements.value.get(conversationId);
  return known === undefined || known.content === "" ? undefined : known;
}
/** For the next change of it: also of one that was taken down. */
export function announcementVersion(conversationId: string): string | undefined {
  return announcements.peek().get(conversationId)?.version;
}
/** Fetches it; what fails is tried with the next opening. */
export async function loadAnnouncement(conversationId: string): Promise<void> {
  try {
    setAnnouncement(conversationId, await client.groups.announcement(conversationId));
  } catch {
    // The conversation says itself when it cannot be read.
  }
}
export async function announce(conversationId: string, content: string): Promise<void> {
  const version = announcementVersion(conversationId);
  const given = { content, pinned: true, ...(version === undefined ? {} : { version }) };
  setAnnouncement(conversationId, await client.groups.announce(conversationId, given));
}

export function membersOf(conversationId: string): MemberList {
  revisions.members.value;
  return client.members.open(conversationId);
}
export function pinsOf(conversationId: string): readonly PinnedMessage[] | undefined {
  revisions.pins.value;
  return client.pins.of(conversationId);
}
export function typingIn(conversationId: string): readonly string[] {
  revisions.typing.value;
  return client.typing.who(conversationId);
}
/** A key was pressed in the composer. Only a text that begins is told, not the edit of one that was sent. */
export function noteTyping(conversationId: string, text: string): void {
  if (client.conversations.get(conversationId)?.type === 3) return;
  if (text === "") client.typing.stopped(conversationId);
  else client.typing.typed(conversationId);
}
/** How far each of the others has read. */
export function readIn(conversationId: string): ReadonlyMap<string, number> {
  revisions.receipts.value;
  return client.receipts.of(conversationId);
}
/** What somebody is called here; asked for when it is not known. */
export function nameOfUser(userId: string): string {
  revisions.names.value;
  const me = session.value?.user;
  if (userId === me?.id) return me.username;
  const known = client.names.get(userId)?.username;
  if (known === undefined && userId !== "" && userId !== "0") client.names.ask([userId]);
  return known ?? t("somebody");
}

/** Does the role in the conversation on screen allow it? What the server adds to it (mutes, windows) is not asked. */
export function may(action: Action, conversation: ConversationJson | undefined, targetRole?: number): boolean {
  if (conversation === undefined || conversation.dissolvedAt !== undefined) return false;
  const { type, myMembership } = conversation;
  const asked = { type, role: myMembership?.role ?? 0, ...(targetRole === undefined ? {} : { targetRole }) };
  return refusalOf(action, asked) === undefined;
}

/** A mute with an end is over by itself: no row says so. */
export function isMuted(member: Pick<ConversationMemberJson, "muted" | "mutedUntil">, nowMs = Date.now()): boolean {
  const until = member.mutedUntil ?? 0;
  return member.muted && (until === 0 || until * 1_000 > nowMs);
}

/** A setting of a group that is not stored has this value (spec 10 §9). */
export const settingDefaults = {
  join_approval_required: false,
  invite_enabled: true,
  mute_all: false,
  allow_member_view_history: true,
} as const;
export type SettingName = keyof typeof settingDefaults;

export function settingOf(conversation: ConversationJson, name: SettingName): boolean {
  const value = conversation.settings?.[name];
  return typeof value === "boolean" ? value : settingDefaults[name];
}

/** Why this user may not write in the conversation on screen; undefined when he may. */
export type Silence =
  | { readonly why: "dissolved" }
  | { readonly why: "all" }
  | { readonly why: "muted"; readonly until: number };
export function silenceIn(conversation: ConversationJson | undefined, nowMs: number): Silence | undefined {
  if (conversation === undefined) return undefined;
  if (conversation.dissolvedAt !== undefined) return { why: "dissolved" };
  const mine = conversation.myMembership;
  if (mine !== undefined && isMuted(mine, nowMs)) return { why: "muted", until: mine.mutedUntil ?? 0 };
  if (conversation.type === 2 && settingOf(conversation, "mute_all") && (mine?.role ?? 1) < 2) return { why: "all" };
  return undefined;
}
