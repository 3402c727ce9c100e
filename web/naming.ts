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

interface ChangeFields {
  readonly members?: readonly { readonly userId: string; readonly username: string }[];
  readonly userIds?: readonly string[];
}

/** One line for a change. */
export function changeText(row: MessageJson): string {
  const change = (row.change ?? {}) as ChangeFields;
  const name = row.sender?.username ?? "";
  const who = (change.members ?? []).map((one) => one.username).join(", ");
  switch (row.changeType) {
    case "member_added":
      return who === name ? t("joined", { who }) : t("addedMembers", { name, who });
    case "member_left":
      return t("leftGroup", { name });
    case "member_removed":
      return t("removedMembers", { name, who: (change.userIds ?? []).join(", ") });
    case "member_role":
      return t("roleChanged", { name });
    case "member_mute":
      return t("muteChanged", { name });
    case "pin":
      return t("pinnedMessage", { name });
    case "dissolved":
      return t("dissolved", { name });
    default:
      return t("infoUpdated", { name });
  }
}
