import { acting, actionError, stopActing } from "../acting.ts";
import { previewOf } from "../naming.ts";
import { errorText, t } from "../strings.ts";
import { CloseIcon } from "./icons.tsx";

/** Above the composer: what is answered or edited, and why a change was refused. */
export function ActingBar(props: { conversationId: string }) {
  const begun = acting.value?.row.conversationId === props.conversationId ? acting.value : undefined;
  const code = actionError.value;
  if (begun === undefined && code === undefined) return null;
  return (
    <div class="acting">
      <div class="acting-text">
        {begun !== undefined && (
          <p dir="auto">
            <strong>{t(begun.kind === "reply" ? "replying" : "editing")}</strong> {previewOf(begun.row)}
          </p>
        )}
        {code !== undefined && (
          <p class="refused" role="alert">
            {errorText(code)}
          </p>
        )}
      </div>
      <button type="button" class="icon-button" aria-label={t("cancel")} title={t("cancel")} onClick={stopActing}>
        <CloseIcon />
      </button>
    </div>
  );
}
