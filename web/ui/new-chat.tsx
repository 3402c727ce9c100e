import { useState } from "preact/hooks";
import { codeOf } from "#client/errors.ts";
import { CONVERSATION_NAME_CHARS_MAX, GROUP_CREATE_MEMBERS_MAX } from "#proto/limits.ts";
import type { UserInfoJson } from "#proto/objects.ts";
import { showConversation } from "../route.ts";
import { client, session } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { PeoplePicker } from "./people-picker.tsx";

/** Finds people; one makes a chat, several make a group with a name. */
export function NewChat(props: { onDone: () => void }) {
  const [chosen, setChosen] = useState<readonly UserInfoJson[]>([]);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  if (session.value?.user.isGuest === true) return <p class="hint">{t("guestNoChats")}</p>;

  const group = chosen.length > 1;
  const create = async (): Promise<void> => {
    const [first] = chosen;
    if (busy || first === undefined) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const ids = chosen.map((one) => one.id);
      const made = group ? await client.createGroup(name.trim(), ids) : await client.createSingle(first.id);
      showConversation(made.id);
      props.onDone();
    } catch (error) {
      setProblem(errorText(codeOf(error)));
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void create();
      }}
    >
      <PeoplePicker chosen={chosen} most={GROUP_CREATE_MEMBERS_MAX} hint={t("selectPeople")} onChange={setChosen} />
      {group && (
        <input
          class="field"
          aria-label={t("groupName")}
          placeholder={t("groupName")}
          required
          maxLength={CONVERSATION_NAME_CHARS_MAX}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      )}
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <button
        type="submit"
        class="button primary"
        disabled={busy || chosen.length === 0 || (group && name.trim() === "")}
      >
        {busy ? t("working") : t(group ? "createGroup" : "startChat")}
      </button>
    </form>
  );
}
