import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { CONTENT_BYTES_MAX, CONTENT_CHARS_MAX, countChars, utf8Bytes } from "#proto/limits.ts";
import { acting, keepText, sendText, startEditOfLast, stopActing } from "../acting.ts";
import { drafts } from "../drafts.ts";
import { isWide } from "../route.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
import { noteTyping } from "../together.ts";
import { SendIcon } from "./icons.tsx";

/** From here on the remaining length is shown. */
const warnChars = CONTENT_CHARS_MAX - 500;
const growsByItself = CSS.supports("field-sizing", "content");

/** How many characters too many; 0 when it fits. The limit in bytes counts as well. */
function excessOf(text: string): number {
  const chars = countChars(text) - CONTENT_CHARS_MAX;
  const bytes = utf8Bytes(text) - CONTENT_BYTES_MAX;
  return Math.max(0, chars, bytes > 0 ? Math.ceil(bytes / 3) : 0);
}

/** Text that can be sent: no NUL, no half characters. */
function clean(text: string): string {
  return text.replaceAll("\0", "").toWellFormed();
}

/** Where one writes. Keeps its text as the draft of the conversation. Enter sends, Shift+Enter makes a line. */
export function Composer(props: { conversationId: string; name: string; onSent: () => void }) {
  const { conversationId, name, onSent } = props;
  const box = useRef<HTMLTextAreaElement>(null);
  const text = drafts.value[conversationId] ?? "";
  const excess = excessOf(text);
  const sendable = text.trim() !== "" && excess === 0;
  const chars = text.length < warnChars ? 0 : countChars(text);

  useEffect(() => {
    // On a phone the keyboard would cover what one came to read.
    if (isWide()) box.current?.focus({ preventScroll: true });
  }, [conversationId]);
  const begun = acting.value;
  useEffect(() => {
    if (begun !== undefined) box.current?.focus({ preventScroll: true });
  }, [begun]);
  useLayoutEffect(() => {
    const area = box.current;
    if (area === null || growsByItself) return;
    area.style.blockSize = "auto";
    area.style.blockSize = `${area.scrollHeight}px`;
  }, [text]);

  const send = (): void => {
    if (!sendable) return;
    sendText(conversationId, clean(text.trim()));
    onSent();
    box.current?.focus({ preventScroll: true });
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && acting.value !== undefined) {
      event.stopPropagation();
      stopActing();
      return;
    }
    const alone = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
    if (event.key === "ArrowUp" && alone && text === "" && startEditOfLast(conversationId)) {
      event.preventDefault();
      return;
    }
    // Enter also ends the choice of a Chinese or Japanese word: that is not a send.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class="composer-box">
        <textarea
          ref={box}
          rows={1}
          dir={text === "" ? undefined : "auto"}
          value={text}
          placeholder={t("writeTo", { name })}
          aria-label={t("writeTo", { name })}
          aria-describedby="composer-count"
          enterkeyhint="send"
          autocomplete="off"
          onInput={(event) => {
            keepText(conversationId, event.currentTarget.value);
            noteTyping(conversationId, event.currentTarget.value);
          }}
          onBlur={client.drafts.save}
          onKeyDown={onKeyDown}
        />
        <span id="composer-count" class={excess > 0 ? "count over" : "count"} aria-live="polite">
          {excess > 0 ? t("tooLong", { count: excess }) : chars > warnChars ? `${chars} / ${CONTENT_CHARS_MAX}` : ""}
        </span>
        <button type="submit" class="send" disabled={!sendable} aria-label={t("send")} title={t("send")}>
          <SendIcon />
        </button>
      </div>
    </form>
  );
}
