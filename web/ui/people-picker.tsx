import { useState } from "preact/hooks";
import type { UserInfoJson } from "#proto/objects.ts";
import { errorText, t } from "../strings.ts";
import { Avatar } from "./avatar.tsx";
import { CheckIcon, CloseIcon } from "./icons.tsx";
import { usePeople } from "./use-people.ts";

/** Finds people by name and chooses some of them; at most `most`. */
export function PeoplePicker(props: {
  chosen: readonly UserInfoJson[];
  most: number;
  hint: string;
  onChange: (chosen: readonly UserInfoJson[]) => void;
  /** Why somebody cannot be chosen, in words. */
  without?: (user: UserInfoJson) => string | undefined;
}) {
  const { chosen, most, hint, onChange, without } = props;
  const [text, setText] = useState("");
  const people = usePeople(text, true);
  const toggle = (user: UserInfoJson): void => {
    const rest = chosen.filter((one) => one.id !== user.id);
    if (rest.length < chosen.length) onChange(rest);
    else if (chosen.length < most) onChange([...chosen, user]);
  };
  return (
    <>
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
          const reason = without?.(user);
          return (
            <li key={user.id}>
              <button
                type="button"
                class="hit"
                disabled={reason !== undefined}
                aria-pressed={selected}
                onClick={() => toggle(user)}
              >
                <Avatar id={user.id} name={user.username} />
                <span class="entry-name" dir="auto">
                  {user.username}
                </span>
                {reason !== undefined && <span class="hit-about">{reason}</span>}
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
        hint={hint}
      />
    </>
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
