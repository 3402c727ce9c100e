import { useState } from "preact/hooks";
import type { UserInfoJson } from "#proto/objects.ts";
import { friendOf, isBlocked, requestsReceived, requestsSent } from "../friends.ts";
import { t } from "../strings.ts";
import { AnswerButtons } from "./answer-buttons.tsx";
import { Avatar } from "./avatar.tsx";
import { showDialog } from "./dialogs.tsx";
import { FriendProblem } from "./friend-notes.tsx";
import { CheckIcon } from "./icons.tsx";
import { People } from "./people-picker.tsx";
import { RequestForm } from "./request-form.tsx";
import { usePeople } from "./use-people.ts";

export function showAddFriend(): void {
  showDialog(
    "add-friend",
    () => t("addFriend"),
    () => <AddFriend />,
  );
}

/** Finds people by name and asks them to be friends. */
function AddFriend() {
  const [text, setText] = useState("");
  const [asking, setAsking] = useState<string | undefined>(undefined);
  const people = usePeople(text);
  return (
    <>
      <input
        class="field"
        inputMode="search"
        autocomplete="off"
        aria-label={t("findPeople")}
        placeholder={t("findPeople")}
        autofocus
        maxLength={50}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <ul class="hits">
        {people.users.map((user) => (
          <Found
            key={user.id}
            user={user}
            asking={asking === user.id}
            onAsk={(begins) => setAsking(begins ? user.id : undefined)}
          />
        ))}
      </ul>
      <FriendProblem />
      <People
        text={text}
        searching={people.searching}
        found={people.users.length}
        problem={people.problem}
        hint={t("addFriendHint")}
      />
    </>
  );
}

/** How things stand with somebody, in a word; undefined: nothing yet. */
function standing(userId: string): string | undefined {
  if (friendOf(userId) !== undefined) return t("friendTag");
  if (isBlocked(userId)) return t("blockedTag");
  if (requestsSent.value.some((one) => one.targetId === userId)) return t("requested");
  return undefined;
}

function Found(props: { user: UserInfoJson; asking: boolean; onAsk: (begins: boolean) => void }) {
  const { user, asking, onAsk } = props;
  const stands = standing(user.id);
  const request = requestsReceived.value.find((one) => one.requesterId === user.id);
  return (
    <li>
      <div class="hit still">
        <Avatar id={user.id} name={user.username} />
        <span class="entry-name" dir="auto">
          {user.username}
        </span>
        {stands !== undefined && (
          <span class="hit-about" role="status">
            {!isBlocked(user.id) && <CheckIcon />} {stands}
          </span>
        )}
        {stands === undefined && request !== undefined && <AnswerButtons request={request} />}
        {stands === undefined && request === undefined && !asking && (
          <button
            type="button"
            class="small-button"
            aria-label={t("addPerson", { name: user.username })}
            onClick={() => onAsk(true)}
          >
            {t("add")}
          </button>
        )}
      </div>
      {asking && stands === undefined && (
        <RequestForm userId={user.id} name={user.username} onSent={() => onAsk(false)} onCancel={() => onAsk(false)} />
      )}
    </li>
  );
}
