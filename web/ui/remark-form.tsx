import { useState } from "preact/hooks";
import { REMARK_CHARS_MAX } from "#proto/limits.ts";
import type { FriendJson } from "#proto/objects.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { Problem } from "./problem.tsx";

/** The user's own name for a friend. */
export function RemarkForm(props: { friend: FriendJson; name: string }) {
  const { friend, name } = props;
  const saved = friend.remark ?? "";
  const [text, setText] = useState(saved);
  const [told, setTold] = useState(false);
  const attempt = useAttempt();
  const changed = text.trim() !== saved;
  return (
    <form
      class="remark-form"
      onSubmit={(event) => {
        event.preventDefault();
        void attempt.run(() => client.friends.remark(friend.friendId, text.trim())).then(setTold);
      }}
    >
      <label for="remark">{t("remark", { name })}</label>
      <div class="field-row">
        <input
          id="remark"
          class="field"
          dir="auto"
          placeholder={name}
          aria-describedby="remark-hint"
          maxLength={REMARK_CHARS_MAX}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setTold(false);
          }}
        />
        <button type="submit" class="button" disabled={!changed || attempt.busy}>
          {t("save")}
        </button>
      </div>
      <p id="remark-hint" class="hint" role="status">
        {told && !changed ? t("saved") : t("remarkHint")}
      </p>
      <Problem text={attempt.problem} />
    </form>
  );
}
