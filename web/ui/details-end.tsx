import type { ConversationJson } from "#proto/objects.ts";
import { nameOf } from "../naming.ts";
import { showList } from "../route.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { may } from "../together.ts";
import { askFirst } from "./ask.tsx";

/** The ways out of a conversation. Each says first what it does. */
export function DetailsEnd(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  const { id } = conversation;
  const name = nameOf(conversation);
  if (conversation.type === 1) {
    return (
      <section class="details-part">
        <button type="button" class="button danger" onClick={() => askHide(id, name)}>
          {t("hideChat")}
        </button>
      </section>
    );
  }
  const owner = may("dissolve", conversation);
  const leave = (): void =>
    askFirst({
      title: t("leaveGroupTitle", { name }),
      text: t("leaveGroupText"),
      action: t("leaveGroup"),
      run: () => client.groups.leave(id).then(showList),
    });
  const dissolve = (): void =>
    askFirst({
      title: t("dissolveTitle", { name }),
      text: t("dissolveText"),
      action: t("dissolveGroup"),
      written: { label: t("dissolveConfirm"), text: name },
      run: () => client.groups.dissolve(id),
    });
  return (
    <section class="details-part">
      {owner ? (
        <>
          <p class="hint">{t("leaveOwnerHint")}</p>
          <button type="button" class="button danger" onClick={dissolve}>
            {t("dissolveGroup")}
          </button>
        </>
      ) : (
        <button type="button" class="button danger" onClick={leave}>
          {t("leaveGroup")}
        </button>
      )}
    </section>
  );
}

/** Hiding a single chat takes what was written from the own view: it asks first. */
export function askHide(id: string, name: string): void {
  askFirst({
    title: t("hideChatTitle"),
    text: t("hideChatText", { name }),
    action: t("hideChat"),
    run: () => client.conversations.hide(id).then(showList),
  });
}
