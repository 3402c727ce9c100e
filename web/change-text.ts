import { type GroupChange, groupChangeOf } from "#client/group-changes.ts";
import type { MessageJson } from "#proto/objects.ts";
import { t } from "./strings.ts";
import { nameOfUser } from "./together.ts";

/** Characters of an announcement that a line shows. */
const announcedMax = 120;

/** One line for a change of the conversation. */
export function changeText(row: MessageJson): string {
  const name = row.sender?.username ?? nameOfUser(row.senderId);
  const change = groupChangeOf(row);
  if (change === undefined) return t(row.changeType === "pin" ? "pinnedMessage" : "infoUpdated", { name });
  switch (change.type) {
    case "added": {
      const who = listed(change.members.map((one) => one.username));
      return who === name ? t("joined", { who }) : t("addedMembers", { name, who });
    }
    case "left":
      return t("leftGroup", { name });
    case "removed":
      return t("removedMembers", { name, who: listed(change.userIds.map(nameOfUser)) });
    case "role": {
      const who = nameOfUser(change.userId);
      if (change.role === 3) return t("madeOwner", { who });
      // The second row of a transfer: the owner before.
      if (change.role === 2 && change.userId === change.operatorId) return t("isAdmin", { who });
      return change.role === 2 ? t("madeAdmin", { name, who }) : t("madeMember", { who });
    }
    case "mute":
      return t(change.muted ? "mutedWho" : "unmutedWho", { name, who: nameOfUser(change.userId) });
    case "dissolved":
      return t("dissolved", { name });
    default:
      return infoText(name, change);
  }
}

function infoText(name: string, { changed, fields }: Extract<GroupChange, { type: "info" }>): string {
  if (fields.name !== undefined) return t("changedName", { name, what: fields.name });
  const announced = fields.announcement?.content;
  if (typeof announced === "string") {
    const what = announced.length > announcedMax ? `${announced.slice(0, announcedMax)}…` : announced;
    return announced === "" ? t("tookDownAnnouncement", { name }) : t("changedAnnouncement", { name, what });
  }
  if (changed.includes("description")) return t("changedDescription", { name });
  if (changed.includes("avatarUrl")) return t("changedAvatar", { name });
  return t(changed.includes("settings") ? "changedSettings" : "infoUpdated", { name });
}

function listed(names: readonly string[]): string {
  return names.join(", ");
}
