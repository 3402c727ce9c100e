import { changeFriends } from "../friends.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { FriendProblem } from "./friend-notes.tsx";
import { keepFocus } from "./keep-focus.ts";

/** In the place of the composer while the other side is blocked. */
export function BlockedBar(props: { userId: string; name: string }) {
  return (
    <div class="blocked-bar">
      <p role="status">{t("youBlocked", { name: props.name })}</p>
      <button
        type="button"
        class="small-button"
        onClick={({ currentTarget }) => {
          keepFocus(currentTarget, ".composer textarea");
          changeFriends(client.friends.unblock(props.userId));
        }}
      >
        {t("unblock")}
      </button>
      <FriendProblem />
    </div>
  );
}
