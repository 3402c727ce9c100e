import type { MessageJson as Message } from "#proto/objects.ts";
import type { Timeline } from "./timeline.ts";

/** What a pushed `new-message` or change frame carries; field names of spec 20 §5. */
export type FrameData = Readonly<Record<string, unknown>>;

/** Frame types that are rows of the stream, and the `changeType` of the row (spec 10 §2). A few depend on their data. */
const changeTypes: Readonly<Record<string, (data: FrameData) => string>> = {
  "conversation-updated": (data) => {
    const changed = Array.isArray(data.changed) ? data.changed : [];
    if (changed.includes("dissolved")) return "dissolved";
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

/** Shows a recall or an edit on the message concerned, when it is loaded. Applying one twice changes nothing: pages of
 *  history already carry the outcome. */
export function applyChange(timeline: Timeline<Message>, row: Message): void {
  if (row.kind !== "change" || row.targetSeqId === undefined) return;
  const change = (row.change ?? {}) as FrameData;
  timeline.update(row.targetSeqId, (target) => {
    if (row.changeType === "recall") return { ...target, deleted: true, content: "" };
    const editedAt = typeof change.editedAt === "number" ? change.editedAt : row.createdAt;
    const content = change.content;
    const newer = row.changeType === "edit" && !target.deleted && editedAt >= (target.editedAt ?? 0);
    return newer && typeof content === "string" ? { ...target, content, editedAt } : target;
  });
}
