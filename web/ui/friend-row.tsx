import type { FriendJson } from "#proto/objects.ts";
import { openChatWith, presenceOf } from "../friends.ts";
import { presenceText } from "../presence-text.ts";
import { current } from "../state.ts";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { Avatar } from "./avatar.tsx";
import { MoreIcon } from "./icons.tsx";
import { showPerson } from "./person-card.tsx";
import { Problem } from "./problem.tsx";

/** A friend: press for the chat, or the dots for everything else. */
export function FriendRow(props: { friend: FriendJson; nowMs: number }) {
  const { friend, nowMs } = props;
  const person = friend.friend ?? { id: friend.friendId, username: friend.friendId };
  const name = friend.remark ?? person.username;
  const presence = presenceOf(friend.friendId);
  const attempt = useAttempt();
  const about = presenceText(presence, true, nowMs);
  const here = current.value?.peer?.id === friend.friendId;
  return (
    <li class="friend">
      <button
        type="button"
        class={here ? "entry here" : "entry"}
        aria-current={here ? "page" : undefined}
        onClick={() => void attempt.run(() => openChatWith(friend.friendId))}
      >
        <Avatar id={friend.friendId} name={name} size="large" online={presence?.online === true} />
        <span class="entry-text">
          <span class="entry-name" dir="auto">
            {name}
          </span>
          <span class="preview">
            {friend.remark !== undefined && <bdi>{person.username}</bdi>}
            {friend.remark !== undefined && about !== "" && " · "}
            {about}
          </span>
        </span>
      </button>
      <MoreButton name={name} onClick={() => showPerson(person)} />
      <Problem text={attempt.problem} />
    </li>
  );
}

/** Opens the card of a person in a list. */
export function MoreButton(props: { name: string; onClick: () => void }) {
  const label = t("personDetails", { name: props.name });
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      aria-haspopup="dialog"
      onClick={props.onClick}
    >
      <MoreIcon />
    </button>
  );
}
