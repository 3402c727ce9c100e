import type { ConversationJson } from "#proto/objects.ts";
import { attempt } from "../acting.ts";
import { nameOf } from "../naming.ts";
import { detailsShown, showConversation, showDetails } from "../route.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { askHide } from "./details-end.tsx";
import { BellOffIcon, PinIcon } from "./group-icons.tsx";
import { MenuButton, type MenuItem } from "./menu.tsx";

/** What can be done with a conversation from the list; also by the menu key and a long press. */
export function EntryMenu(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  return (
    <MenuButton
      class="icon-button small entry-menu"
      label={t("actionsOf", { name: nameOf(conversation) })}
      items={() => itemsOf(conversation)}
    />
  );
}

export function openEntryMenu(event: MouseEvent & { readonly currentTarget: HTMLElement }): void {
  event.preventDefault();
  event.currentTarget.querySelector<HTMLButtonElement>(".entry-menu")?.click();
}

function itemsOf(conversation: ConversationJson): MenuItem[] {
  const { id, type, pinned = false, notifyMuted = false } = conversation;
  const items: MenuItem[] = [
    {
      label: t(pinned ? "unpinChat" : "pinChat"),
      run: () => attempt(client.conversations.setPersonal(id, { pinned: !pinned })),
    },
    {
      label: t(notifyMuted ? "unmuteChat" : "muteChat"),
      run: () => attempt(client.conversations.setPersonal(id, { notifyMuted: !notifyMuted })),
    },
    {
      label: t("details"),
      run: () => {
        showConversation(id);
        if (!detailsShown.peek()) showDetails();
      },
    },
  ];
  if (type === 1) items.push({ label: t("hideChat"), danger: true, run: () => askHide(id, nameOf(conversation)) });
  return items;
}

/** Pinned and muted, beside the time. */
export function EntryMarks(props: { conversation: ConversationJson }) {
  const { pinned = false, notifyMuted = false } = props.conversation;
  return (
    <>
      {notifyMuted && (
        <span class="mark">
          <BellOffIcon />
          <span class="unseen">{t("mutedChat")}</span>
        </span>
      )}
      {pinned && (
        <span class="mark">
          <PinIcon />
          <span class="unseen">{t("pinnedChat")}</span>
        </span>
      )}
    </>
  );
}
