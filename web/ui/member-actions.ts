import type { ConversationJson, ConversationMemberJson } from "#proto/objects.ts";
import { attempt } from "../acting.ts";
import { duration } from "../format-group.ts";
import { showConversation } from "../route.ts";
import { client, session } from "../state.ts";
import { t } from "../strings.ts";
import { isMuted, may } from "../together.ts";
import { askFirst } from "./ask.tsx";
import type { MenuItem } from "./menu.tsx";

/** Seconds. */
const muteTimes = [600, 3_600, 86_400, 604_800] as const;

/** What this user may do about a member of a group, in the order of a menu. Refusals show above the composer. */
export function memberActions(
  conversation: ConversationJson,
  member: ConversationMemberJson,
  nowMs: number,
): MenuItem[] {
  const me = session.value?.user;
  if (me === undefined || member.userId === me.id) return [];
  const { id } = conversation;
  const { userId, role } = member;
  const name = member.user?.username ?? "";
  const items: MenuItem[] = [];
  if (!me.isGuest && member.user?.isGuest !== true) {
    const write = async (): Promise<void> => showConversation((await client.createSingle(userId)).id);
    items.push({ label: t("writeToMember"), run: () => attempt(write()) });
  }
  if (may("set_role", conversation)) {
    const next = role === 2 ? 1 : 2;
    items.push({
      label: t(role === 2 ? "takeAdmin" : "makeAdmin"),
      run: () => attempt(client.groups.setRole(id, userId, next)),
    });
  }
  if (may("mute_member", conversation, role)) items.push(...muteActions(id, member, nowMs));
  if (may("transfer_owner", conversation)) {
    const question = {
      title: t("makeOwnerTitle", { name }),
      text: t("makeOwnerText", { name }),
      action: t("makeOwner"),
    };
    items.push({
      label: t("makeOwner"),
      run: () => askFirst({ ...question, run: () => client.groups.transfer(id, userId) }),
    });
  }
  if (may("remove_member", conversation, role)) {
    const question = { title: t("removeMemberTitle", { name }), text: t("removeMemberText", { name }) };
    const run = () => client.groups.remove(id, userId);
    items.push({
      label: t("removeMember"),
      danger: true,
      run: () => askFirst({ ...question, action: t("removeMember"), run }),
    });
  }
  return items;
}

function muteActions(id: string, member: ConversationMemberJson, nowMs: number): MenuItem[] {
  const { userId } = member;
  if (isMuted(member, nowMs)) return [{ label: t("liftMute"), run: () => attempt(client.groups.unmute(id, userId)) }];
  const timed = muteTimes.map((seconds) => ({
    label: t("muteFor", { time: duration(seconds) }),
    run: () => attempt(client.groups.mute(id, userId, seconds)),
  }));
  return [...timed, { label: t("muteOpenEnd"), run: () => attempt(client.groups.mute(id, userId)) }];
}
