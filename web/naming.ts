import type { ConversationJson, MessageJson } from "#proto/objects.ts";
import { friendOf } from "./friends.ts";
import { type StringName, t } from "./strings.ts";

export function nameOf(conversation: ConversationJson | undefined, id?: string): string {
  if (conversation === undefined) return id === "world" ? t("world") : "";
  if (conversation.type === 3) return t("world");
  const remark = conversation.type === 1 ? friendOf(conversation.peer?.id ?? "")?.remark : undefined;
  return remark ?? conversation.name ?? conversation.peer?.username ?? conversation.id;
}

export function aboutOf(conversation: ConversationJson | undefined): string {
  if (conversation === undefined) return "";
  if (conversation.type === 3) return t("worldAbout");
  return conversation.type === 2 ? t("members", { count: conversation.memberCount }) : "";
}

const kinds: Readonly<Record<number, StringName>> = { 2: "photo", 3: "file", 5: "voice", 6: "video" };

/** One line for a message: its text, or what it is. */
export function previewOf(row: MessageJson): string {
  if (row.deleted === true) return t("removedMessage");
  if (row.messageType === 1) return row.content;
  return row.file?.filename ?? t(kinds[row.messageType] ?? "unsupported");
}
