import type { FriendRequestJson } from "#proto/objects.ts";
import { changeFriends } from "../friends.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { keepFocus } from "./keep-focus.ts";

function answer(button: HTMLElement, change: Promise<unknown>): void {
  keepFocus(button, ".dialog .button.primary, .dialog .field, .add-friend");
  changeFriends(change);
}

/** Accepts or declines a request. */
export function AnswerButtons(props: { request: FriendRequestJson }) {
  const { request } = props;
  const name = request.requester?.username ?? "";
  return (
    <span class="answer-buttons">
      <button
        type="button"
        class="small-button primary"
        aria-label={t("acceptFrom", { name })}
        onClick={({ currentTarget }) => answer(currentTarget, client.friends.accept(request.id))}
      >
        {t("accept")}
      </button>
      <button
        type="button"
        class="small-button"
        aria-label={t("declineFrom", { name })}
        onClick={({ currentTarget }) => answer(currentTarget, client.friends.reject(request.id))}
      >
        {t("decline")}
      </button>
    </span>
  );
}
