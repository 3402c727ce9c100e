import { useState } from "preact/hooks";
import type { ConversationJson } from "#proto/objects.ts";
import { client } from "../state.ts";
import { type StringName, t } from "../strings.ts";
import { type SettingName, settingOf } from "../together.ts";
import { useAttempt } from "./attempt.ts";
import { Problem } from "./problem.tsx";
import { Switch } from "./switch.tsx";

const switches: readonly (readonly [SettingName, StringName, StringName?])[] = [
  ["invite_enabled", "settingInvite"],
  ["join_approval_required", "settingApproval", "settingApprovalHint"],
  ["allow_member_view_history", "settingHistory"],
  ["mute_all", "settingMuteAll"],
];

/** What holds for all members of a group. */
export function DetailsSettings(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  const attempt = useAttempt();
  const set = (name: SettingName, value: boolean): void =>
    void attempt.run(() =>
      name === "mute_all"
        ? client.groups.muteAll(conversation.id, value)
        : client.groups.update(conversation.id, { settings: { [name]: value } }),
    );
  return (
    <section class="details-part">
      <h3>{t("groupSettings")}</h3>
      {switches.map(([name, label, hint]) => (
        <Switch
          key={name}
          label={t(label)}
          {...(hint === undefined ? {} : { hint: t(hint) })}
          checked={settingOf(conversation, name)}
          disabled={attempt.busy}
          onChange={(on) => set(name, on)}
        />
      ))}
      {settingOf(conversation, "join_approval_required") && <CopyAddress conversationId={conversation.id} />}
      <Problem text={attempt.problem} />
    </section>
  );
}

function CopyAddress(props: { conversationId: string }) {
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    const address = `${location.origin}/#/c/${encodeURIComponent(props.conversationId)}`;
    navigator.clipboard.writeText(address).then(
      () => setCopied(true),
      () => prompt(t("copyAddress"), address), // Pages without https may not write to the clipboard.
    );
  };
  return (
    <button type="button" class="link" onClick={copy}>
      <span aria-live="polite">{t(copied ? "copied" : "copyAddress")}</span>
    </button>
  );
}
