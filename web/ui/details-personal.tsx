import type { ConversationJson } from "#proto/objects.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { Problem } from "./problem.tsx";
import { Switch } from "./switch.tsx";

/** What this user decides for himself. */
export function DetailsPersonal(props: { conversation: ConversationJson }) {
  const { id, pinned = false, notifyMuted = false } = props.conversation;
  const attempt = useAttempt();
  const set = (settings: { pinned?: boolean; notifyMuted?: boolean }): void =>
    void attempt.run(() => client.conversations.setPersonal(id, settings));
  return (
    <section class="details-part">
      <h3>{t("forYou")}</h3>
      <Switch label={t("pinChat")} checked={pinned} onChange={(on) => set({ pinned: on })} />
      <Switch label={t("muteChat")} checked={notifyMuted} onChange={(on) => set({ notifyMuted: on })} />
      <Problem text={attempt.problem} />
    </section>
  );
}
