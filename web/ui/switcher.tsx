import { useState } from "preact/hooks";
import { codeOf } from "#client/errors.ts";
import { badge } from "../format.ts";
import { aboutOf, nameOf } from "../naming.ts";
import { showConversation } from "../route.ts";
import { client, conversationList } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { Avatar } from "./avatar.tsx";
import { usePeople } from "./use-people.ts";

interface Hit {
  readonly key: string;
  readonly avatarId: string;
  readonly name: string;
  readonly about: string;
  readonly world: boolean;
  readonly unread: number;
  readonly choose: () => Promise<void>;
}

const hitsMax = 30;

/** Ctrl+K: to a conversation or a person by name. ↑ and ↓ choose, Enter goes. */
export function Switcher(props: { onDone: () => void }) {
  const [text, setText] = useState("");
  const [chosen, setChosen] = useState(0);
  const [problem, setProblem] = useState<string | undefined>(undefined);
  const people = usePeople(text);
  const wanted = text.trim().toLocaleLowerCase();

  const hits: Hit[] = conversationList.value
    .filter((one) => nameOf(one).toLocaleLowerCase().includes(wanted))
    .map((one) => ({
      key: one.id,
      avatarId: one.peer?.id ?? one.id,
      name: nameOf(one),
      about: aboutOf(one),
      world: one.type === 3,
      unread: one.unreadCount ?? 0,
      choose: async () => showConversation(one.id),
    }));
  const known = new Set(conversationList.value.map((one) => one.peer?.id));
  for (const user of people.users) {
    if (known.has(user.id)) continue;
    const choose = async (): Promise<void> => showConversation((await client.createSingle(user.id)).id);
    hits.push({
      key: user.id,
      avatarId: user.id,
      name: user.username,
      about: t("startChat"),
      world: false,
      unread: 0,
      choose,
    });
  }
  const shown = hits.slice(0, hitsMax);
  const at = Math.min(chosen, shown.length - 1);
  const go = (hit: Hit | undefined): void => {
    hit?.choose().then(props.onDone, (error: unknown) => setProblem(errorText(codeOf(error))));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") setChosen(Math.min(at + 1, shown.length - 1));
    else if (event.key === "ArrowUp") setChosen(Math.max(at - 1, 0));
    else if (event.key === "Enter") go(shown[at]);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        class="field"
        role="combobox"
        aria-expanded="true"
        aria-controls="hits"
        aria-activedescendant={shown[at] === undefined ? undefined : `hit-${shown[at].key}`}
        aria-label={t("searchOrJump")}
        placeholder={t("searchOrJump")}
        autofocus
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKeyDown}
      />
      {problem !== undefined && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div id="hits" class="hits" role="listbox" aria-label={t("conversations")}>
        {shown.map((hit, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys, as in every combobox
          <div
            key={hit.key}
            tabIndex={-1}
            id={`hit-${hit.key}`}
            role="option"
            aria-selected={index === at}
            class={index === at ? "hit chosen" : "hit"}
            onPointerMove={() => setChosen(index)}
            onClick={() => go(hit)}
          >
            <Avatar id={hit.avatarId} name={hit.name} world={hit.world} />
            <span class="entry-name" dir="auto">
              {hit.name}
            </span>
            <span class="hit-about">{hit.about}</span>
            {hit.unread > 0 && <span class="badge">{badge(hit.unread)}</span>}
          </div>
        ))}
      </div>
      {shown.length === 0 && <p class="hint">{people.searching ? t("loading") : t("noMatch")}</p>}
    </>
  );
}
