import { useEffect, useRef, useState } from "preact/hooks";
import { FRIEND_MESSAGE_CHARS_MAX } from "#proto/limits.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { useAttempt } from "./attempt.ts";
import { Problem } from "./problem.tsx";

/** Asks somebody to be friends, with a few words. */
export function RequestForm(props: { userId: string; name: string; onSent: () => void; onCancel: () => void }) {
  const { userId, name } = props;
  const [text, setText] = useState("");
  const attempt = useAttempt();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  return (
    <form
      class="request-form"
      onSubmit={(event) => {
        event.preventDefault();
        void attempt.run(() => client.friends.ask(userId, text.trim())).then((sent) => sent && props.onSent());
      }}
    >
      <input
        class="field"
        aria-label={t("requestMessage", { name })}
        placeholder={t("requestMessageHint")}
        maxLength={FRIEND_MESSAGE_CHARS_MAX}
        ref={field}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <Problem text={attempt.problem} />
      <div class="button-row">
        <button type="button" class="button" onClick={props.onCancel}>
          {t("cancel")}
        </button>
        <button type="submit" class="button primary" disabled={attempt.busy}>
          {t(attempt.busy ? "working" : "sendRequest")}
        </button>
      </div>
    </form>
  );
}
