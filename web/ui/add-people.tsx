import { useState } from "preact/hooks";
import { MEMBERS_CHANGE_MAX } from "#proto/limits.ts";
import type { UserInfoJson } from "#proto/objects.ts";
import { client } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { membersOf, nameOfUser } from "../together.ts";
import { useAttempt } from "./attempt.ts";
import { Avatar } from "./avatar.tsx";
import { closeDialog } from "./dialogs.tsx";
import { CheckIcon, CloseIcon } from "./icons.tsx";
import { Problem } from "./problem.tsx";
import { usePeople } from "./use-people.ts";

/** Finds people and adds them to a group. Who cannot be added is named, with the reason. */
export function AddPeople(props: { conversationId: string }) {
  const { conversationId } = props;
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<readonly UserInfoJson[]>([]);
  const [failed, setFailed] = useState<readonly string[]>([]);
  const attempt = useAttempt();
  const people = usePeople(text, true);
  const members = membersOf(conversationId);
  const toggle = (user: UserInfoJson): void => {
    const without = chosen.filter((one) => one.id !== user.id);
    if (without.length < chosen.length) setChosen(without);
    else if (chosen.length < MEMBERS_CHANGE_MAX) setChosen([...chosen, user]);
  };
  const add = async (): Promise<void> => {
    const answer = await client.groups.add(
      conversationId,
      chosen.map((one) => one.id),
    );
    for (const one of chosen) client.names.ask([one.id]);
    setChosen([]);
    setFailed(answer.failed.map(({ userId, code }) => `${nameOfUser(userId)} (${errorText(code)})`));
    if (answer.failed.length === 0) closeDialog();
  };
  const asked = text.trim() !== "";
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (chosen.length > 0) void attempt.run(add);
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
          const inside = members.get(user.id) !== undefined;
          return (
            <li key={user.id}>
              <button type="button" class="hit" disabled={inside} aria-pressed={selected} onClick={() => toggle(user)}>
                <Avatar id={user.id} name={user.username} />
                <span class="entry-name" dir="auto">
                  {user.username}
                </span>
                {inside && <span class="hit-about">{t("alreadyMember")}</span>}
                {selected && <CheckIcon />}
              </button>
            </li>
          );
        })}
      </ul>
      {people.users.length === 0 && asked && people.problem === undefined && (
        <p class="hint">{t(people.searching ? "loading" : "nobodyFound")}</p>
      )}
      <Problem text={people.problem === undefined ? undefined : errorText(people.problem)} />
      <Problem text={failed.length === 0 ? undefined : t("notAdded", { who: failed.join(", ") })} />
      <Problem text={attempt.problem} />
      <button type="submit" class="button primary" disabled={attempt.busy || chosen.length === 0}>
        {attempt.busy ? t("working") : chosen.length === 0 ? t("addPeople") : t("addChosen", { count: chosen.length })}
      </button>
    </form>
  );
}
