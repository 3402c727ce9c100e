import { useState } from "preact/hooks";
import { codeOf } from "#client/errors.ts";
import { CONVERSATION_NAME_CHARS_MAX, GROUP_CREATE_MEMBERS_MAX } from "#proto/limits.ts";
import type { UserInfoJson } from "#proto/objects.ts";
import { showConversation } from "../route.ts";
import { client, session } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { Avatar } from "./avatar.tsx";
import { CheckIcon, CloseIcon } from "./icons.tsx";
import { usePeople } from "./use-people.ts";

/** Finds people; one makes a chat, several make a group with a name. */
export function NewChat(props: { onDone: () => void }) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<readonly UserInfoJson[]>([]);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const people = usePeople(text, true);
  if (session.value?.user.isGuest === true) return <p class="hint">{t("guestNoChats")}</p>;

  const group = chosen.length > 1;
  const toggle = (user: UserInfoJson): void => {
    const without = chosen.filter((one) => one.id !== user.id);
    if (without.length < chosen.length) setChosen(without);
    else if (chosen.length < GROUP_CREATE_MEMBERS_MAX) setChosen([...chosen, user]);
  };
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
      {chosen.length > 0 && (
        <ul class="chips">
          {chosen.map((user) => (
            <li key={user.id}>
              <button
                type="button"
                class="chip"
                onClick={() => toggle(user)}
                aria-label={`${t("remove")}: ${user.username}`}
              >
                <span dir="auto">{user.username}</span>
                <CloseIcon />
              </button>
            </li>
          ))}
        </ul>
      )}
      <input
        class="field"
        type="search"
        aria-label={t("findPeople")}
        placeholder={t("findPeople")}
        autofocus
        maxLength={50}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <ul class="hits">
        {people.users.map((user) => {
          const selected = chosen.some((one) => one.id === user.id);
          return (
            <li key={user.id}>
              <button type="button" class="hit" aria-pressed={selected} onClick={() => toggle(user)}>
                <Avatar id={user.id} name={user.username} />
                <span class="entry-name" dir="auto">
                  {user.username}
                </span>
                {selected && <CheckIcon />}
              </button>
            </li>
          );
        })}
      </ul>
      <People
        text={text}
        searching={people.searching}
        found={people.users.length}
        problem={people.problem}
        hint={t("selectPeople")}
      />
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

/** What a search for people has to say; `hint` before anything was typed. */
export function People(props: {
  text: string;
  searching: boolean;
  found: number;
  problem: string | undefined;
  hint: string;
}) {
  if (props.problem !== undefined) {
    return (
      <p class="problem" role="alert">
        {errorText(props.problem)}
      </p>
    );
  }
  if (props.found > 0) return null;
  const asked = props.text.trim() !== "";
  return <p class="hint">{asked ? t(props.searching ? "loading" : "nobodyFound") : props.hint}</p>;
}
