import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { OpenConversation } from "#client/history.ts";
import { client, pageVisible } from "../state.ts";
import { around, down, type Slice, sliceOf, stay, up, type View } from "../window.ts";
import { type Anchors, lowestVisibleSeq, restoreAnchors, takeAnchors } from "./anchor.ts";

/** Nearer than this to an end of the elements, more rows get elements; pixels. */
const reachPx = 900;
/** Counts as being at the bottom; pixels. */
const bottomPx = 32;

export interface Reading {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly list: RefObject<HTMLOListElement | null>;
  readonly view: View;
  readonly slice: Slice;
  readonly onScroll: () => void;
  readonly toNewest: () => void;
  /** Shows the message with this seq, which must be loaded. */
  readonly toSeq: (seqId: number) => void;
}

/** The reader's place in a list of messages: which rows have elements, and where the list is scrolled to. At the bottom it
 *  follows the newest; else what is read stays where it is. Call it in each drawing of the list, before its rows. */
export function useReading(open: OpenConversation, pendingCount: number): Reading {
  const scroller = useRef<HTMLElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const [view, setView] = useState<View>({ at: "following" });
  const place = useRef<{ anchors: Anchors; lastTop: number; found: boolean }>({
    anchors: [],
    lastTop: 0,
    found: false,
  });
  const rows = open.timeline.rows();
  const slice = sliceOf(view, rows);

  const belowOf = (box: HTMLElement): number => box.scrollHeight - box.scrollTop - box.clientHeight;
  const remember = (box: HTMLElement, ol: HTMLElement): void => {
    place.current.lastTop = box.scrollTop;
    place.current.anchors = takeAnchors(box, ol);
  };
  /** More elements near an end; at the top, more rows from the server. */
  const extend = (): void => {
    const box = scroller.current;
    if (box === null) return;
    if (view.at === "reading") {
      const above = box.scrollTop < reachPx ? up(view, rows) : undefined;
      const next = above ?? (belowOf(box) < reachPx ? down(view, rows) : undefined);
      if (next !== undefined) {
        setView(next);
        return;
      }
    }
    const wanted = view.at === "reading" ? box.scrollTop < reachPx : box.scrollHeight <= box.clientHeight;
    if (wanted && slice.start === 0 && open.hasOlder() && open.olderLoading().at === "idle") void open.loadOlder();
  };
  /** What was on screen of a page that is looked at is read. */
  const markSeen = (): void => {
    const box = scroller.current;
    const ol = list.current;
    if (box === null || ol === null || !pageVisible.peek() || !place.current.found) return;
    const seq = view.at === "following" ? rows.at(-1)?.seqId : lowestVisibleSeq(box, ol);
    if (seq !== undefined) client.conversations.markRead(open.id, seq);
  };
  /** After every change of the elements or their sizes. */
  const settle = (): void => {
    const box = scroller.current;
    const ol = list.current;
    if (box === null || ol === null || rows.length + pendingCount === 0) return;
    if (!place.current.found) {
      place.current.found = true;
      const line = ol.querySelector<HTMLElement>(".line.unread");
      if (line !== null && box.scrollHeight - line.offsetTop > box.clientHeight) {
        box.scrollTop = line.offsetTop - box.clientHeight / 4;
        setView(stay(view, rows));
      } else box.scrollTop = box.scrollHeight;
    } else if (view.at === "following") box.scrollTop = box.scrollHeight;
    else restoreAnchors(box, ol, place.current.anchors);
    remember(box, ol);
  };
  const onScroll = (): void => {
    const box = scroller.current;
    const ol = list.current;
    if (box === null || ol === null || !place.current.found) return;
    const upwards = box.scrollTop < place.current.lastTop - 1;
    remember(box, ol);
    if (view.at === "following") {
      if (upwards && belowOf(box) > bottomPx) setView(stay(view, rows));
    } else if (slice.end === rows.length && belowOf(box) <= bottomPx && !upwards) {
      setView({ at: "following" });
    } else extend();
    markSeen();
  };

  useLayoutEffect(settle);
  useEffect(() => {
    extend();
    markSeen();
    open.timeline.readAt(view.at === "reading" ? view.from : undefined);
  });
  useSizes(scroller, list, settle);
  return {
    scroller,
    list,
    view,
    slice,
    onScroll,
    toSeq: (seqId) => {
      const box = scroller.current;
      const row = open.timeline.rows().find((one) => one.seqId === seqId);
      if (box === null || row === undefined) return;
      const key = row.senderId === client.auth.session()?.user.id ? (row.clientMsgId ?? row.id) : row.id;
      place.current = { anchors: [{ key, top: box.clientHeight / 3 }], lastTop: box.scrollTop, found: true };
      setView(around(open.timeline.rows(), seqId));
    },
    toNewest: () => {
      setView({ at: "following" });
      const box = scroller.current;
      if (box !== null) box.scrollTop = box.scrollHeight;
    },
  };
}

/** Calls `changed` when the frame or the content gets another size: a rotated phone, a keyboard, an unfolded message. */
function useSizes(
  frame: RefObject<HTMLElement | null>,
  content: RefObject<HTMLElement | null>,
  changed: () => void,
): void {
  const latest = useRef(changed);
  latest.current = changed;
  useEffect(() => {
    const observer = new ResizeObserver(() => latest.current());
    if (frame.current !== null) observer.observe(frame.current);
    if (content.current !== null) observer.observe(content.current);
    return () => observer.disconnect();
  }, []);
}
