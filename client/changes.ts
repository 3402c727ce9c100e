import type { MessageJson as Message } from "#proto/objects.ts";
import type { Timeline } from "./timeline.ts";

/** What a pushed `new-message` or change frame carries; field names of spec 20 §5. */
export type FrameData = Readonly<Record<string, unknown>>;

/** Frame types that are rows of the stream, and the `changeType` of the row (spec 10 §2). A few depend on their data. */
const changeTypes: Readonly<Record<string, (data: FrameData) => string>> = {
  "conversation-updated": (data) => {
    const changed = Array.isArray(data.changed) ? data.changed : [];
    if (changed.includes("dissolved")) return "dissolved";
    if (changed.includes("pins")) return data.pinned === true ? "pin" : "unpin";
    return changed.includes("roomMode") ? "room_mode" : "info_updated";
  },
  "member-added": () => "member_added",
  "member-removed": (data) => (data.reason === "left" ? "member_left" : "member_removed"),
  "member-updated": (data) => (data.role === undefined ? "member_mute" : "member_role"),
  "message-recalled": () => "recall",
  "message-edited": () => "edit",
  "message-reaction": () => "reaction",
};

/** The row that a pushed frame stands for: a `Message` object as history returns it. Undefined for frames that are no row
 *  (or a `conversation-updated` that only announces a new conversation: it has no seq). */
export function rowOfFrame(type: string, data: FrameData): Message | undefined {
  const id = data.id;
  const conversationId = data.conversationId;
  const seqId = data.seqId;
  if (typeof id !== "string" || typeof conversationId !== "string" || typeof seqId !== "number") return undefined;
  const createdAt = typeof data.createdAt === "number" ? data.createdAt : 0;
  const common = { id, conversationId, seqId, createdAt, ...stringField(data, "clientMsgId") };
  if (type === "new-message") {
    const sender = data.sender as { id?: unknown } | undefined;
    const senderId = typeof data.senderId === "string" ? data.senderId : String(sender?.id ?? "");
    return { kind: "message", ...data, ...common, senderId, deleted: data.deleted === true } as Message;
  }
  const changeType = changeTypes[type]?.(data);
  if (changeType === undefined) return undefined;
  return {
    ...common,
    kind: "change",
    changeType,
    senderId: String(data.operatorId ?? ""),
    messageType: 4,
    content: "",
    deleted: false,
    change: data,
    ...stringField(data, "targetMessageId", "messageId"),
    ...(typeof data.targetSeqId === "number" ? { targetSeqId: data.targetSeqId } : {}),
  } as Message;
}

function stringField(data: FrameData, name: string, from = name): Record<string, string> {
  const value = data[from];
  return typeof value === "string" ? { [name]: value } : {};
}

/** What a change of a message says, for an application that shows it itself. */
export type MessageChange = { readonly messageId: string; readonly targetSeqId: number; readonly row: Message } & (
  | { readonly type: "recall" }
  | { readonly type: "edit"; readonly content: string; readonly editedAt: number }
  | {
      readonly type: "reaction";
      readonly userId: string;
      readonly emoji: string;
      readonly removed: boolean;
      /** Users with this emoji after the change. */
      readonly count: number;
    }
  | { readonly type: "pin" | "unpin" }
);

/** The change of a message that a row is; undefined for messages and changes of anything else. */
export function messageChangeOf(row: Message): MessageChange | undefined {
  if (row.kind !== "change" || row.targetSeqId === undefined) return undefined;
  const change = (row.change ?? {}) as FrameData;
  const at = { messageId: row.targetMessageId ?? String(change.messageId ?? ""), targetSeqId: row.targetSeqId, row };
  switch (row.changeType) {
    case "recall":
    case "pin":
    case "unpin":
      return { ...at, type: row.changeType };
    case "edit": {
      const editedAt = typeof change.editedAt === "number" ? change.editedAt : row.createdAt;
      return typeof change.content === "string"
        ? { ...at, type: "edit", content: change.content, editedAt }
        : undefined;
    }
    case "reaction": {
      const { userId, emoji, removed, count } = change;
      if (typeof userId !== "string" || typeof emoji !== "string") return undefined;
      return { ...at, type: "reaction", userId, emoji, removed: removed === true, count: Number(count ?? 0) };
    }
    default:
      return undefined;
  }
}

/** Shows a change on the message concerned, when it is loaded. Applying one twice changes nothing: pages of history
 *  already carry the outcome, and a reaction says the count after it. `me`: whose reactions are "mine". */
export function applyChange(timeline: Timeline<Message>, row: Message, me: string | undefined): void {
  const change = messageChangeOf(row);
  if (change === undefined) return;
  timeline.update(change.targetSeqId, (target) => changed(target, change, me));
  if (change.type !== "recall" && change.type !== "edit") return;
  const preview = change.type === "edit" ? previewOf(change.content) : "";
  for (const { seqId, replyTo } of timeline.rows()) {
    // An empty preview is that of a recalled message, which no edit brings back.
    if (replyTo?.seqId !== change.targetSeqId || replyTo.preview === "") continue;
    timeline.update(seqId, (reply) => ({ ...reply, replyTo: { ...replyTo, preview } }));
  }
}

/** The message that another one answers. */
export type Reply = NonNullable<Message["replyTo"]>;

/** What a reply to `row` shows of it. */
export function replyOf(row: Message): Reply {
  const preview = row.deleted === true ? "" : previewOf(row.content);
  return { messageId: row.id, seqId: row.seqId, senderId: row.senderId, preview };
}

const previewCharsMax = 100;

/** What a reply shows of a text. */
export function previewOf(content: string): string {
  return Array.from(content).slice(0, previewCharsMax).join("");
}

function changed(target: Message, change: MessageChange, me: string | undefined): Message {
  switch (change.type) {
    case "recall": {
      const { reactions: _reactions, extra: _extra, ...kept } = target;
      return { ...kept, deleted: true, content: "" };
    }
    case "edit": {
      const newer = target.deleted !== true && change.editedAt >= (target.editedAt ?? 0);
      return newer ? { ...target, content: change.content, editedAt: change.editedAt } : target;
    }
    case "reaction":
      return target.deleted === true ? target : { ...target, reactions: reacted(target.reactions ?? [], change, me) };
    default:
      return target;
  }
}

type Reactions = NonNullable<Message["reactions"]>;

function reacted(
  before: Reactions,
  change: Extract<MessageChange, { type: "reaction" }>,
  me: string | undefined,
): Reactions {
  const { emoji, count, userId, removed } = change;
  const known = before.find((one) => one.emoji === emoji);
  const mine = userId === me ? !removed : (known?.mine ?? false);
  if (known === undefined) return count > 0 ? [...before, { emoji, count, mine }] : before;
  return before.map((one) => (one === known ? { emoji, count, mine } : one)).filter((one) => one.count > 0);
}
