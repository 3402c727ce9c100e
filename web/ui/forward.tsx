import { useState } from "preact/hooks";
import { FORWARD_TARGETS_MAX } from "#proto/limits.ts";
import type { ConversationJson, MessageJson } from "#proto/objects.ts";
import { aboutOf, nameOf, previewOf } from "../naming.ts";
import { client, conversationList } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { Avatar } from "./avatar.tsx";
import { closeDialog, showDialog } from "./dialogs.tsx";
import { CheckIcon } from "./icons.tsx";
import { Problem } from "./problem.tsx";

const shownMax = 50;

export function showForward(row: MessageJson): void {
  showDialog(
    "forward",
    () => t("forwardTo"),
    () => <Forward row={row} />,
  );
}

/** Chooses the conversations that get a copy. ↑ and ↓ move, Enter chooses, Ctrl+Enter forwards. */
function Forward(props: { row: MessageJson }) {
  const { row } = props;
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [at, setAt] = useState(0);
  const [failed, setFailed] = useState<readonly string[]>([]);
  const attempt = useAttempt();
  const wanted = text.trim().toLocaleLowerCase();
  const list = conversationList.value
    .filter((one) => one.dissolvedAt === undefined && nameOf(one).toLocaleLowerCase().includes(wanted))
    .slice(0, shownMax);
  const here = Math.min(at, list.length - 1);
  const toggle = (one: ConversationJson | undefined): void => {
    if (one === undefined) return;
    const without = chosen.filter((id) => id !== one.id);
    if (without.length < chosen.length) setChosen(without);
    else if (chosen.length < FORWARD_TARGETS_MAX) setChosen([...chosen, one.id]);
  };
  const send = async (): Promise<void> => {
    const answer = await client.messages.forward(row.id, chosen);
    const names = answer.failed.map(({ conversationId, code }) => {
      const name = nameOf(conversationList.peek().find((one) => one.id === conversationId));
      return `${name} (${errorText(code)})`;
    });
    setFailed(names);
    setChosen(answer.failed.map(({ conversationId }) => conversationId));
    if (names.length === 0) closeDialog();
  };
  const submit = (): void => {
    if (chosen.length > 0) void attempt.run(send);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") setAt(Math.min(here + 1, list.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(here - 1, 0));
    else if (event.key !== "Enter") return;
    else if (event.ctrlKey || event.metaKey) submit();
    else toggle(list[here]);
    event.preventDefault();
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <p class="quote" dir="auto">
        {previewOf(row)}
      </p>
      <input
        class="field"
        role="combobox"
        aria-expanded="true"
        aria-controls="forward-list"
        aria-activedescendant={list[here] === undefined ? undefined : `forward-${list[here].id}`}
        aria-label={t("search")}
        placeholder={t("search")}
        autofocus
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <div id="forward-list" class="hits" role="listbox" aria-multiselectable="true" aria-label={t("conversations")}>
        {list.map((one, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys, as in every combobox
          <div
            key={one.id}
            id={`forward-${one.id}`}
            role="option"
            tabIndex={-1}
            aria-selected={chosen.includes(one.id)}
            class={index === here ? "hit chosen" : "hit"}
            onPointerMove={() => setAt(index)}
            onClick={() => toggle(one)}
          >
            <Avatar id={one.peer?.id ?? one.id} name={nameOf(one)} world={one.type === 3} />
            <span class="entry-name" dir="auto">
              {nameOf(one)}
            </span>
            <span class="hit-about">{aboutOf(one)}</span>
            <span class="tick">{chosen.includes(one.id) && <CheckIcon />}</span>
          </div>
        ))}
      </div>
      {list.length === 0 && <p class="hint">{t("noMatch")}</p>}
      {chosen.length >= FORWARD_TARGETS_MAX && <p class="hint">{t("forwardMost", { most: FORWARD_TARGETS_MAX })}</p>}
      <Problem text={failed.length === 0 ? undefined : t("notForwarded", { who: failed.join(", ") })} />
      <Problem text={attempt.problem} />
      <button type="submit" class="button primary" disabled={attempt.busy || chosen.length === 0}>
        {attempt.busy
          ? t("working")
          : chosen.length === 0
            ? t("forward")
            : t("forwardToCount", { count: chosen.length })}
      </button>
    </form>
  );
}
