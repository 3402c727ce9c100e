import type { MessageJson as Message } from "#proto/objects.ts";
import type { Api, HistoryPage, HistoryQuery } from "./api.ts";
import { createAsker } from "./asker.ts";
import { delayOf, type Random, reconnectStepsMs } from "./backoff.ts";
import { applyChange } from "./changes.ts";
import type { Clock } from "./clock.ts";
import { repeatable } from "./error-codes.ts";
import { codeOf } from "./errors.ts";
import type { Range } from "./ranges.ts";
import { type Arrival, createTimeline, type Timeline } from "./timeline.ts";

/** idle = nothing asked for; otherwise what became of the last request. */
export type LoadState = { readonly at: "idle" | "loading" } | { readonly at: "failed"; readonly code: string };

/** One opened conversation: its loaded rows and the requests that load more. */
export interface OpenConversation {
  readonly id: string;
  readonly timeline: Omit<Timeline<Message>, "push" | "addPage" | "announce" | "update">;
  /** The first page. Until it is there `timeline` has no base. */
  loading(): LoadState;
  /** True when there is history below the floor. */
  hasOlder(): boolean;
  olderLoading(): LoadState;
  /** Fetches the page below the floor; joins a fetch that runs. Never rejects: see `olderLoading`. */
  loadOlder(): Promise<void>;
  /** Fetches the newest page; what lies between it and the loaded part becomes a hole. */
  loadNewest(): Promise<void>;
  /** Fetches what is missing in the range, oldest first, at most 2,000 rows per call. Never rejects: a hole that stays is
   *  tried again by itself, or on the next call. */
  loadHole(hole: Range): Promise<void>;
  isFilling(): boolean;
}

export interface HistoryDeps {
  readonly api: Pick<Api, "history">;
  readonly clock: Clock;
  readonly random: Random;
  readonly onChange: (conversationId: string) => void;
  /** Who is signed in. */
  readonly me: () => string | undefined;
  /** Every row that came by a page. */
  readonly onRow: (row: Message) => void;
  /** Holes of this conversation are left until somebody looks at them (the world; spec 20 §6). */
  readonly onDemand: (conversationId: string) => boolean;
  /** Where an earlier run stopped; absent = start at the newest page. */
  readonly savedMark?: (conversationId: string) => number | undefined;
}

/** The opened conversations. Each keeps its rows until 20 others were opened after it. */
export interface History {
  open(conversationId: string): OpenConversation;
  /** A row that was pushed, or was acked to this client. Ignored for what is not open. */
  push(row: Message): void;
  /** A message as the server answered it after a change of this client. */
  replace(message: Message): void;
  /** Rows up to `seq` exist. */
  announce(conversationId: string, seq: number): void;
  /** After a reconnect or a `resync`: fetches what is missing, the newest first when it is much. While something is being
   *  fetched, it does so after that; refused for now (RATE_LIMITED …), it asks again with back-off. */
  catchUp(conversationId: string): void;
  ids(): string[];
  clear(): void;
}

const openMax = 20;
const holeDelayMs = 500;
const holePageRows = 100;
const holePagesMax = 20;
/** Behind by more than this, the newest page is fetched first and the rest stays a hole. */
const catchUpRowsMax = 200;
/** Messages of one conversation whose reactions are followed; above the bound of a timeline's rows. */
const asOfMax = 5_000;

interface Open {
  readonly view: OpenConversation;
  readonly timeline: Timeline<Message>;
  /** Shows a change on the message concerned. */
  apply(row: Message): void;
  start(): void;
  fillSoon(): void;
  catchUp(): void;
  close(): void;
}

export function createHistory(deps: HistoryDeps): History {
  const opened = new Map<string, Open>();
  const close = (id: string): void => {
    opened.get(id)?.close();
    opened.delete(id);
  };
  return {
    open: (id) => {
      const known = opened.get(id);
      // The map's order is the order of last use.
      opened.delete(id);
      const entry = known ?? createOpen(id, deps);
      opened.set(id, entry);
      for (const oldest of opened.keys()) {
        if (opened.size <= openMax) break;
        close(oldest);
      }
      if (entry.view.loading().at !== "loading" && entry.timeline.mark() === undefined) entry.start();
      return entry.view;
    },
    push: (row) => {
      const entry = opened.get(row.conversationId);
      if (entry === undefined) return;
      const arrival: Arrival = entry.timeline.push(row);
      if (arrival === "duplicate") return;
      entry.apply(row);
      deps.onChange(row.conversationId);
      if (arrival === "no-base") entry.start();
      else if (arrival === "beyond") entry.fillSoon();
    },
    replace: (message) => {
      opened.get(message.conversationId)?.timeline.update(message.seqId, () => message);
      deps.onChange(message.conversationId);
    },
    announce: (id, seq) => {
      const entry = opened.get(id);
      if (entry === undefined || seq <= entry.timeline.head()) return;
      entry.timeline.announce(seq);
      deps.onChange(id);
      entry.fillSoon();
    },
    catchUp: (id) => opened.get(id)?.catchUp(),
    ids: () => [...opened.keys()],
    clear: () => {
      for (const id of [...opened.keys()]) close(id);
    },
  };
}

function createOpen(id: string, deps: HistoryDeps): Open {
  const { api, clock, random } = deps;
  const savedMark = deps.savedMark?.(id);
  const timeline = createTimeline<Message>(savedMark === undefined ? {} : { savedMark });
  let newest: LoadState = { at: "idle" };
  let older: LoadState = { at: "idle" };
  /** The lowest seq there is for this reader, once known. */
  let startSeq = 1;
  let closed = false;
  let loadingNewest: Promise<void> | undefined;
  let filling: Promise<void> | undefined;
  let failures = 0;
  let cancelFill: (() => void) | undefined;

  const fetchPage = async (query: HistoryQuery): Promise<{ hasMore: boolean; completeTo: number }> => {
    const page = await api.history(id, query);
    if (closed) return { hasMore: false, completeTo: 0 };
    timeline.addPage(page);
    shownAt(page);
    for (const row of page.rows) {
      apply(row);
      deps.onRow(row);
    }
    return page;
  };
  /** By seq of a message: up to which seq its reactions are in it already. */
  const asOf = new Map<number, number>();
  const shownAt = ({ rows, latest }: HistoryPage): void => {
    for (const row of rows) if (row.kind !== "change" && latest !== undefined) asOf.set(row.seqId, latest);
    if (asOf.size <= asOfMax) return;
    const floor = timeline.floor() ?? 0;
    for (const seq of asOf.keys()) if (seq < floor || asOf.size > asOfMax) asOf.delete(seq);
  };
  const apply = (row: Message): void => {
    if (row.changeType === "reaction" && row.targetSeqId !== undefined) {
      if (row.seqId <= (asOf.get(row.targetSeqId) ?? 0)) return;
      asOf.set(row.targetSeqId, row.seqId);
    }
    applyChange(timeline, row, deps.me());
  };
  /** Runs `load`, showing its state by `set`; a failure is a state, not an exception. */
  const tracked = async (set: (state: LoadState) => void, load: () => Promise<void>): Promise<void> => {
    set({ at: "loading" });
    deps.onChange(id);
    try {
      await load();
      set({ at: "idle" });
    } catch (error) {
      set({ at: "failed", code: codeOf(error) });
    }
    if (!closed) deps.onChange(id);
  };
  const loadNewest = (): Promise<void> => {
    loadingNewest ??= fetchNewest().finally(() => {
      loadingNewest = undefined;
    });
    return loadingNewest;
  };
  const fetchNewest = (): Promise<void> => {
    const set = (state: LoadState): void => {
      newest = state;
    };
    return tracked(set, async () => {
      const first = timeline.floor() === undefined;
      const page = await fetchPage({ newest: true });
      if (first && !page.hasMore) startSeq = timeline.floor() ?? 1;
    });
  };
  const loadOlder = async (): Promise<void> => {
    const floor = timeline.floor();
    if (floor === undefined || floor <= startSeq || older.at === "loading") return;
    const set = (state: LoadState): void => {
      older = state;
    };
    await tracked(set, async () => {
      const page = await fetchPage({ before: floor });
      if (!page.hasMore) startSeq = timeline.floor() ?? 1;
    });
  };
  const fill = async (hole: Range): Promise<void> => {
    let next = hole.from;
    for (let pages = 0; next <= hole.to && pages < holePagesMax && !closed; pages++) {
      const limit = Math.min(holePageRows, hole.to - next + 1);
      const page = await fetchPage({ after: next - 1, limit });
      if (page.completeTo < next) return;
      next = page.completeTo + 1;
      deps.onChange(id);
    }
  };
  const loadHole = (hole: Range): Promise<void> => {
    if (filling !== undefined) return filling;
    filling = fill(hole)
      .then(
        () => {
          failures = 0;
        },
        () => {
          const delayMs = delayOf(reconnectStepsMs, failures++, random);
          if (!closed && !deps.onDemand(id)) fillIn(delayMs);
        },
      )
      .finally(() => {
        filling = undefined;
        if (!closed) deps.onChange(id);
      });
    deps.onChange(id);
    return filling;
  };
  const fillAll = async (): Promise<void> => {
    const before = timeline.holes().length;
    const hole = timeline.holes()[0];
    if (hole === undefined || closed) return;
    const mark = timeline.mark();
    await loadHole(hole);
    // Only while it gets better: a server that has nothing to give is not asked in a circle.
    if (timeline.mark() !== mark || timeline.holes().length < before) await fillAll();
  };
  const fillIn = (delayMs: number): void => {
    cancelFill ??= clock.after(delayMs, () => {
      cancelFill = undefined;
      void fillAll();
    });
  };
  /** False: to be tried again. */
  const catchUpOnce = async (): Promise<boolean> => {
    // What is on its way was read before this was asked for.
    await loadingNewest;
    await filling;
    const mark = timeline.mark();
    if (mark === undefined || (savedMark === undefined && timeline.head() - mark > catchUpRowsMax)) {
      await loadNewest();
      return !(newest.at === "failed" && repeatable(newest.code));
    }
    const hole = timeline.holes().at(-1);
    if (hole !== undefined && hole.to === timeline.head()) {
      await loadHole(hole);
      if (deps.onDemand(id)) return failures === 0;
    }
    if (!deps.onDemand(id)) await fillAll();
    return true;
  };
  const catchingUp = createAsker(catchUpOnce, deps);

  const view: OpenConversation = {
    id,
    timeline,
    loading: () => newest,
    hasOlder: () => (timeline.floor() ?? 0) > startSeq,
    olderLoading: () => older,
    loadOlder,
    loadNewest,
    loadHole,
    isFilling: () => filling !== undefined,
  };
  return {
    view,
    timeline,
    apply,
    start: () => {
      if (newest.at === "idle") void loadNewest(); // After a failure the user, or the next connection, tries again.
    },
    fillSoon: () => {
      if (!deps.onDemand(id)) fillIn(holeDelayMs);
    },
    catchUp: catchingUp.ask,
    close: () => {
      closed = true;
      catchingUp.cancel();
      cancelFill?.();
    },
  };
}
