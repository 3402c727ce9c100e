import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { OpenConversation } from "#client/history.ts";
import { dayName } from "../format.ts";
import { buildItems, type Item } from "../items.ts";
import { changeText } from "../naming.ts";
import { allPending, client, current, pageVisible, revision, session } from "../state.ts";
import { errorText, language, t } from "../strings.ts";
import { down, sliceOf, stay, up, type View } from "../window.ts";
import { type Anchors, lowestVisibleSeq, restoreAnchors, takeAnchors } from "./anchor.ts";
import { DownIcon } from "./icons.tsx";
import { MessageRow } from "./message-row.tsx";

/** Nearer than this to an end of the elements, more rows get elements; pixels. */
const reachPx = 900;
/** Counts as being at the bottom; pixels. */
const bottomPx = 32;
/** A hole on screen is loaded after this long. */
const holeViewMs = 600;

interface Scrolling {
  anchors: Anchors;
  lastTop: number;
  /** The place for the first page was found. */
  placed: boolean;
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
        <span dir="auto">{changeText(item.row)}</span>
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
  const me = session.value?.user ?? { id: "", username: "" };
  const conversation = current.value;
  revision.value; // Rows live outside of signals: this is what says that they changed.
  language.value;
  const pending = allPending.value.filter((one) => one.conversationId === open.id);
  const [view, setView] = useState<View>({ at: "following" });
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const scrolling = useRef<Scrolling>({ anchors: [], lastTop: 0, placed: false });
  const [unreadAfter, setUnreadAfter] = useState(() => lineOf(conversation));

  const rows = open.timeline.rows();
  const { start, end } = sliceOf(view, rows);
  const atEnd = end === rows.length;
  const items = buildItems({
    rows: rows.slice(start, end),
    holes: open.timeline.holes(),
    pending: atEnd ? pending : [],
    atEnd,
    me,
    unreadAfter,
  });

  const toNewest = (): void => {
    setView({ at: "following" });
    const box = scroller.current;
    if (box !== null) box.scrollTop = box.scrollHeight;
  };
  /** More elements near an end; more rows from the server at the top. */
  const extend = (): void => {
    const box = scroller.current;
    if (box === null || view.at === "following") return;
    const below = box.scrollHeight - box.scrollTop - box.clientHeight;
    const next =
      (box.scrollTop < reachPx ? up(view, rows) : undefined) ?? (below < reachPx ? down(view, rows) : undefined);
    if (next !== undefined) setView(next);
    else if (box.scrollTop < reachPx && start === 0 && open.olderLoading().at === "idle") void open.loadOlder();
  };
  const onScroll = (): void => {
    const box = scroller.current;
    const ol = list.current;
    if (box === null || ol === null || !scrolling.current.placed) return;
    const below = box.scrollHeight - box.scrollTop - box.clientHeight;
    const upwards = box.scrollTop < scrolling.current.lastTop - 1;
    scrolling.current.lastTop = box.scrollTop;
    scrolling.current.anchors = takeAnchors(box, ol);
    if (view.at === "following") {
      if (upwards && below > bottomPx) setView(stay(view, rows));
    } else if (atEnd && below <= bottomPx && !upwards) {
      setView({ at: "following" });
    } else extend();
    markSeen();
  };
  /** What was on screen of a page that is looked at is read. */
  const markSeen = (): void => {
    const box = scroller.current;
    const ol = list.current;
    if (box === null || ol === null || !pageVisible.peek() || !scrolling.current.placed) return;
    const seq = view.at === "following" ? open.timeline.rows().at(-1)?.seqId : lowestVisibleSeq(box, ol);
    if (seq !== undefined) client.conversations.markRead(open.id, seq);
  };
  /** After every change of the elements: the newest stays at the bottom, or the reader's place where it was. */
  const settle = (): void => {
    const box = scroller.current;
    const ol = list.current;
    if (box === null || ol === null || rows.length + pending.length === 0) return;
    if (!scrolling.current.placed) {
      scrolling.current.placed = true;
      const line = ol.querySelector<HTMLElement>(".line.unread");
      if (line !== null && box.scrollHeight - line.offsetTop > box.clientHeight) {
        box.scrollTop = line.offsetTop - box.clientHeight / 4;
        setView(stay(view, rows));
      } else box.scrollTop = box.scrollHeight;
    } else if (view.at === "following") box.scrollTop = box.scrollHeight;
    else restoreAnchors(box, ol, scrolling.current.anchors);
    scrolling.current.lastTop = box.scrollTop;
    scrolling.current.anchors = takeAnchors(box, ol);
  };

  useLayoutEffect(() => {
    settle();
  });
  useEffect(() => {
    extend();
    markSeen();
    open.timeline.readAt(view.at === "reading" ? view.from : undefined);
  });
  useEffect(() => props.onJumpReady(toNewest), []);
  const settleNow = useRef(settle);
  settleNow.current = settle;
  useEffect(() => {
    const observer = new ResizeObserver(() => settleNow.current());
    if (scroller.current !== null) observer.observe(scroller.current);
    if (list.current !== null) observer.observe(list.current);
    return () => observer.disconnect();
  }, []);
  useHolesInView(open, scroller, view);
  useEffect(() => {
    // What arrives while nobody looks gets a line above it.
    if (!pageVisible.value) setUnreadAfter(current.peek()?.lastReadSeqId ?? unreadAfter);
  }, [pageVisible.value]);
  useEffect(() => {
    // A first visit knows the read position only once the list is there.
    if (unreadAfter === undefined && conversation !== undefined && !scrolling.current.placed)
      setUnreadAfter(lineOf(conversation));
  }, [conversation]);

  const unread = conversation?.unreadCount ?? 0;
  const empty = items.length === 0;
  return (
    <div class="list-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="scroller" ref={scroller} onScroll={onScroll} tabIndex={0} aria-label={t("messages")}>
        <div class="column">
          {empty ? <Nothing open={open} /> : start === 0 && <Top open={open} />}
          <ol ref={list} class={conversation?.type === 1 ? "messages bubbles" : "messages"}>
            {items.map((item) => (
              <ItemView key={item.key} item={item} open={open} bubbles={conversation?.type === 1} />
            ))}
          </ol>
        </div>
      </section>
      {!empty && view.at === "reading" && (
        <button
          type="button"
          class={unread > 0 ? "jump has-new" : "jump"}
          onClick={toNewest}
          aria-label={t("jumpToNewest")}
        >
          {unread > 0 && <span>{t("newMessages", { count: unread })}</span>}
          <DownIcon />
        </button>
      )}
    </div>
  );
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
        void open.loadHole({ from: Number(element.dataset["from"]), to: Number(element.dataset["to"]) });
        return;
      }
    }, holeViewMs);
    return () => clearTimeout(timer);
  }, [open, revision.value, view]);
}
