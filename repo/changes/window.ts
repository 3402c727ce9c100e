import type { LockedConversation } from "../change-plans.ts";
import { conversationType } from "../store/conversation.ts";

interface Section {
  readonly recall_time_limit?: unknown;
  readonly allow_recall?: unknown;
}

/** The section of a conversation's settings that belongs to its type; keys may also stand alone. */
function sectionOf({ type, settings }: Pick<LockedConversation, "type" | "settings">): Section {
  if (settings === null || !settings.includes("recall")) return {};
  const all = JSON.parse(settings) as Section & Record<string, Section | undefined>;
  const name =
    type === conversationType.single
      ? "single_settings"
      : `${type === conversationType.group ? "group" : "world"}_settings`;
  return { ...all, ...all[name] };
}

/** Milliseconds in which a sender may recall and edit (spec 10 §9): the conversation's own, else `defaultSeconds`.
 *  0: not at all. */
export function recallWindowMs(
  conversation: Pick<LockedConversation, "type" | "settings">,
  defaultSeconds: number,
): number {
  const { recall_time_limit: limit, allow_recall: allowed } = sectionOf(conversation);
  if (allowed === false) return 0;
  const seconds = typeof limit === "number" && limit >= 0 ? limit : defaultSeconds;
  return seconds * 1000;
}
