import { useEffect, useState } from "preact/hooks";
import type { OpenConversation } from "#client/history.ts";
import type { MessageJson } from "#proto/objects.ts";
import { changeText } from "../change-text.ts";
import { dayName } from "../format.ts";
import { buildItems, type Item } from "../items.ts";
import { allPending, current, pageVisible, revision, session } from "../state.ts";
import { errorText, language, t } from "../strings.ts";
import type { View } from "../window.ts";
import { DownIcon } from "./icons.tsx";
import { onMessageKey } from "./message-keys.ts";
import { MessageRow } from "./message-row.tsx";
import { useJump } from "./use-jump.ts";
import { useReading } from "./use-reading.ts";

/** A hole on screen is loaded after this long. */
const holeViewMs = 600;

/** On its own: a name that becomes known draws this line alone again. */
function ChangeText(props: { row: MessageJson }) {
  return <span dir="auto">{changeText(props.row)}</span>;
}

function ItemView(props: { item: Item; open: OpenConversation; bubbles: boolean }) {
  const { item, open, bubbles } = props;
  if (item.kind === "message") return <MessageRow item={item} bubbles={bubbles} />;
  if (item.kind === "day") {
    return (
      <li class="line day" data-key={item.key}>
        <span>{dayName(item.at)}</span>
      </li>
    );
  }
  if (item.kind === "unread") {
    return (
      <li class="line unread" data-key={item.key}>
        <span>{t("unreadLine")}</span>
      </li>
    );
  }
  if (item.kind === "change") {
    return (
      <li class="line change" data-key={item.key} data-seq={item.row.seqId}>
        <ChangeText row={item.row} />
      </li>
    );
  }
  const count = item.hole.to - item.hole.from + 1;
  return (
    <li class="line hole" data-key={item.key} data-from={item.hole.from} data-to={item.hole.to}>
      <button type="button" disabled={open.isFilling()} onClick={() => void open.loadHole(item.hole)}>
        {open.isFilling() ? t("loading") : `${t("hole", { count })} · ${t("load")}`}
      </button>
    </li>
  );
}

function Skeleton() {
  return (
    <div class="skeleton" aria-hidden="true">
      {[64, 38, 82, 51, 27, 70].map((width) => (
        <div class="skeleton-row" key={width}>
          <span class="bone round" />
          <span class="bones">
            <span class="bone" style={{ inlineSize: "22%" }} />
            <span class="bone" style={{ inlineSize: `${width}%` }} />
          </span>
        </div>
      ))}
    </div>
  );
}

function Top(props: { open: OpenConversation }) {
  const { open } = props;
  const state = open.olderLoading();
  if (state.at === "failed") {
    return (
      <p class="edge" role="alert">
        {t("olderFailed")}{" "}
        <button type="button" class="link" onClick={() => void open.loadOlder()}>
          {t("tryAgain")}
        </button>
      </p>
    );
  }
  if (open.hasOlder()) return <p class="edge">{state.at === "loading" ? t("loadingHistory") : "\u00a0"}</p>;
  return open.timeline.rows().length > 0 ? <p class="edge">{t("beginning")}</p> : null;
}

function Nothing(props: { open: OpenConversation }) {
  const state = props.open.loading();
  if (state.at === "failed") {
    return (
      <div class="nothing" role="alert">
        <h2>{t("loadFailed")}</h2>
        <p>{errorText(state.code)}</p>
        <button type="button" class="button" onClick={() => void props.open.loadNewest()}>
          {t("tryAgain")}
        </button>
      </div>
    );
  }
  if (props.open.timeline.mark() === undefined) return <Skeleton />;
  return (
    <div class="nothing">
      <h2>{t("emptyRoom")}</h2>
      <p>{t("emptyRoomHint")}</p>
    </div>
  );
}

/** The messages of one conversation: a window of elements over the loaded rows. The place that is read stays where it is,
 *  whatever arrives, loads or changes size; at the bottom the list follows the newest. */
export function MessageList(props: { open: OpenConversation; onJumpReady: (jump: () => void) => void }) {
  const { open } = props;
  const conversation = current.value;
  revision.value; // Rows live outside of signals: this is what says that they changed.
  language.value;
  const pending = allPending.value.filter((one) => one.conversationId === open.id);
  const { scroller, list, view, slice, onScroll, toNewest, toSeq } = useReading(open, pending.length);
  const unreadAfter = useUnreadLine(open);
  useHolesInView(open, scroller, view);
  useEffect(() => props.onJumpReady(toNewest), []);
  useJump(open, toSeq);

  const rows = open.timeline.rows();
  const atEnd = slice.end === rows.length;
  const items = buildItems({
    rows: rows.slice(slice.start, slice.end),
    holes: open.timeline.holes(),
    pending: atEnd ? pending : [],
    atEnd,
    me: session.value?.user ?? { id: "", username: "" },
    unreadAfter,
  });
  const unread = conversation?.unreadCount ?? 0;
  const bubbles = conversation?.type === 1;
  const empty = items.length === 0;
  return (
    <div class="list-frame">
      <section
        class="scroller"
        ref={scroller}
        onScroll={onScroll}
        onKeyDown={onMessageKey}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        aria-label={t("messages")}
      >
        <div class="column">
          {empty ? <Nothing open={open} /> : slice.start === 0 && <Top open={open} />}
          <ol ref={list} class={bubbles ? "messages bubbles" : "messages"}>
            {items.map((item) => (
              <ItemView key={item.key} item={item} open={open} bubbles={bubbles} />
            ))}
          </ol>
        </div>
      </section>
      {!empty && view.at === "reading" && (
        <button
          type="button"
          class={unread > 0 ? "jump has-new" : "jump"}
          onClick={toNewest}
          aria-label={unread > 0 ? `${t("newMessages", { count: unread })}: ${t("jumpToNewest")}` : t("jumpToNewest")}
        >
          {unread > 0 && <span>{t("newMessages", { count: unread })}</span>}
          <DownIcon />
        </button>
      )}
    </div>
  );
}

/** The seq after which the unread line goes: where one was when the conversation was opened, or when the page was left. */
function useUnreadLine(open: OpenConversation): number | undefined {
  const conversation = current.value;
  const [after, setAfter] = useState(() => lineOf(conversation));
  useEffect(() => {
    // A first visit knows the read position only once the list is there.
    const drawn = open.timeline.rows().length > 0;
    if (after === undefined && conversation !== undefined && !drawn) setAfter(lineOf(conversation));
  }, [conversation]);
  useEffect(() => {
    // What arrives while nobody looks gets a line above it.
    if (!pageVisible.value) setAfter(current.peek()?.lastReadSeqId ?? after);
  }, [pageVisible.value]);
  return after;
}

/** The seq after which the unread line goes. */
function lineOf(conversation: { unreadCount?: number; lastReadSeqId?: number } | undefined): number | undefined {
  return conversation !== undefined && (conversation.unreadCount ?? 0) > 0
    ? (conversation.lastReadSeqId ?? 0)
    : undefined;
}

/** A hole that stays on screen is loaded. While the list follows a busy room, a hole may pass by: then only on demand. */
function useHolesInView(open: OpenConversation, scroller: { current: HTMLElement | null }, view: View): void {
  useEffect(() => {
    const timer = setTimeout(() => {
      const box = scroller.current;
      if (box === null || open.isFilling()) return;
      const frame = box.getBoundingClientRect();
      for (const element of box.querySelectorAll<HTMLElement>(".line.hole")) {
        const { top, bottom } = element.getBoundingClientRect();
        if (bottom < frame.top || top > frame.bottom) continue;
        void open.loadHole({ from: Number(element.dataset.from), to: Number(element.dataset.to) });
        return;
      }
    }, holeViewMs);
    return () => clearTimeout(timer);
  }, [open, revision.value, view]);
}
