import type { Presence } from "#client/presence.ts";
import { relativeTime } from "./format.ts";
import { t } from "./strings.ts";

/** "Online", "Last seen 5 min ago"; empty when nothing is known. That a stranger is offline is not known either. */
export function presenceText(presence: Presence | undefined, isFriend: boolean, nowMs: number): string {
  if (presence === undefined) return "";
  if (presence.online) return t("online");
  if (presence.lastSeen === undefined) return isFriend ? t("presenceOffline") : "";
  if (nowMs / 1_000 - presence.lastSeen < 60) return t("lastSeenNow");
  return t("lastSeen", { when: relativeTime(presence.lastSeen, nowMs) });
}
