import { useState } from "preact/hooks";
import { codeOf } from "#client/errors.ts";
import { FRIEND_MESSAGE_CHARS_MAX } from "#proto/limits.ts";
import { showList } from "../route.ts";
import { client, session } from "../state.ts";
import { errorText, t } from "../strings.ts";

/** In the place of a conversation that this user may not read: what he can do about it. */
export function NoAccess(props: { conversationId: string }) {
  const [message, setMessage] = useState("");
  const [state, setState] = useState<"ready" | "busy" | "asked" | { readonly code: string }>("ready");
  const mayAsk = session.value?.user.isGuest === false;
  const code = typeof state === "object" ? state.code : undefined;
  const closed = code === "OPERATION_NOT_SUPPORTED";
  const ask = (): void => {
    setState("busy");
    client.groups.requestJoin(props.conversationId, message.trim() === "" ? undefined : message.trim()).then(
      () => setState("asked"),
      (error: unknown) => setState(codeOf(error) === "ALREADY_REQUESTED" ? "asked" : { code: codeOf(error) }),
    );
  };
  return (
    <div class="no-access">
      <h2>{t("noAccess")}</h2>
      <p>{t("noAccessHint")}</p>
      {state === "asked" && <p role="status">{t("askedToJoin")}</p>}
      {code !== undefined && (
        <p class="problem" role="alert">
          {closed ? t("notOpen") : errorText(code)}
        </p>
      )}
      {mayAsk && state !== "asked" && !closed && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            ask();
          }}
        >
          <input
            class="field"
            dir="auto"
            aria-label={t("joinMessage")}
            placeholder={t("joinMessage")}
            maxLength={FRIEND_MESSAGE_CHARS_MAX}
            value={message}
            onInput={(event) => setMessage(event.currentTarget.value)}
          />
          <button type="submit" class="button primary" disabled={state === "busy"}>
            {t(state === "busy" ? "working" : "askToJoin")}
          </button>
        </form>
      )}
      <button type="button" class="button" onClick={showList}>
        {t("toList")}
      </button>
    </div>
  );
}
