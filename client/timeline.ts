import { createRangeSet, type Range } from "./ranges.ts";

/** A row of a conversation's stream. */
export interface SeqRow {
  readonly seqId: number;
}

/** Rows with the range for which they are complete (spec 10 §1): every row in between that the reader may see is here. */
export interface CompletePage<R> {
  readonly rows: readonly R[];
  /** Both inclusive; `completeTo` < `completeFrom` means complete for nothing. */
  readonly completeFrom: number;
  readonly completeTo: number;
  /** The newest seq of the conversation as the server knew it. */
  readonly latest?: number;
}

/** What the arrival of a pushed row meant (the client rule table of spec 20 §6). */
export type Arrival = "no-base" | "duplicate" | "filled" | "appended" | "beyond";

export interface TimelineOptions {
  /** Rows kept in memory; past it the rows farthest from the reader are let go. */
  readonly rowsMax?: number;
  /** Every row up to this seq is already with the application: start there instead of at the newest page. */
  readonly savedMark?: number;
}

/** The loaded part of one conversation: rows in seq order from `floor` on, the holes between them, and the contiguous mark.
 *  Rows below `floor` are history that has not been asked for; what is missing above it is a hole. Pure: it fetches nothing. */
export interface Timeline<R extends SeqRow> {
  /** A row that was pushed. Applies the client rule table; a row below `floor` is a duplicate. */
  push(row: R): Arrival;
  /** A page of history: closes holes by its complete range. The first page becomes the base. */
  addPage(page: CompletePage<R>): void;
  /** Rows up to `seq` exist (a `missed` frame, a conversation list): what is not here becomes a hole. */
  announce(seq: number): void;
  /** Puts another value in the place of the row with `seq`, when it is loaded. */
  update(seq: number, change: (row: R) => R): void;
  /** Where the reader is; undefined = at the newest. Decides which rows go first when there are too many. */
  readAt(seq: number | undefined): void;
  /** Rows in seq order: the live array, to be read at once and not written to; `version` says when it has changed. */
  rows(): readonly R[];
  /** What is missing between `floor` and `head`, ascending. */
  holes(): Range[];
  /** Every row from `floor` up to here is present. Undefined without a base; `floor - 1` when nothing is. */
  mark(): number | undefined;
  /** The lowest seq of the loaded part; undefined without a base. */
  floor(): number | undefined;
  /** The newest seq heard of; 0 for nothing. */
  head(): number;
  /** Grows with every change. */
  version(): number;
}

/** Index of the first row whose seq is ≥ `seq`. */
export function lowerBound(rows: readonly SeqRow[], seq: number): number {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows[middle];
    if (row !== undefined && row.seqId < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

const defaultRowsMax = 4_000;
/** Trimming goes this far below the bound, so that it does not run for every row. */
const trimShare = 0.9;

export function createTimeline<R extends SeqRow>(options: TimelineOptions = {}): Timeline<R> {
  const rowsMax = options.rowsMax ?? defaultRowsMax;
  /** A saved mark promises the application every row above it, so no hole may be given up to make room. */
  const everyRow = options.savedMark !== undefined;
  const have = createRangeSet();
  let rows: R[] = [];
  let floor = options.savedMark === undefined ? undefined : options.savedMark + 1;
  let head = options.savedMark ?? 0;
  let readingAt: number | undefined;
  let version = 0;

  const insert = (row: R): void => {
    const at = lowerBound(rows, row.seqId);
    if (rows[at]?.seqId !== row.seqId) rows.splice(at, 0, row);
    have.add(row.seqId, row.seqId);
    head = Math.max(head, row.seqId);
  };
  const dropBelow = (seq: number): void => {
    const at = lowerBound(rows, seq);
    if (at > 0) rows.splice(0, at);
    have.remove(Number.MIN_SAFE_INTEGER, seq - 1);
  };
  const mark = (): number | undefined => (floor === undefined ? undefined : (have.around(floor)?.to ?? floor - 1));

  /** Lets go of the rows farthest from the reader: below, the floor rises; above, a hole opens again. */
  const trim = (): void => {
    if (rows.length <= rowsMax && have.size <= rowsMax) return;
    const keep = Math.floor(rowsMax * trimShare);
    const excess = Math.max(1, rows.length - keep);
    const first = rows[excess];
    if (first === undefined) return;
    const middle = rows[rows.length >> 1]?.seqId ?? 0;
    const atNewest = readingAt === undefined || readingAt > middle;
    if (atNewest && !(everyRow && first.seqId > (mark() ?? 0) + 1)) {
      if (floor !== undefined) floor = first.seqId;
      dropBelow(first.seqId);
      return;
    }
    const cut = rows[rows.length - excess];
    if (cut === undefined) return;
    rows.length -= excess;
    have.remove(cut.seqId, head);
  };
  const changed = (): void => {
    trim();
    version++;
  };

  return {
    push: (row) => {
      const seq = row.seqId;
      if ((floor !== undefined && seq < floor) || have.has(seq)) return "duplicate";
      const newest = head;
      insert(row);
      const based = floor !== undefined;
      changed();
      if (!based) return "no-base";
      if (seq <= newest) return "filled";
      return seq === newest + 1 ? "appended" : "beyond";
    },
    addPage: (page) => {
      for (const row of page.rows) insert(row);
      have.add(page.completeFrom, page.completeTo);
      head = Math.max(head, page.completeTo, page.latest ?? 0);
      if (floor === undefined) {
        floor = page.completeTo >= page.completeFrom ? page.completeFrom : (page.latest ?? 0) + 1;
      }
      floor = have.around(floor - 1)?.from ?? have.around(floor)?.from ?? floor;
      dropBelow(floor);
      changed();
    },
    announce: (seq) => {
      if (seq <= head) return;
      head = seq;
      version++;
    },
    update: (seq, change) => {
      const at = lowerBound(rows, seq);
      const row = rows[at];
      if (row === undefined || row.seqId !== seq) return;
      rows = rows.with(at, change(row));
      version++;
    },
    readAt: (seq) => {
      readingAt = seq;
    },
    rows: () => rows,
    holes: () => (floor === undefined ? [] : have.gaps(floor, head)),
    mark,
    floor: () => floor,
    head: () => head,
    version: () => version,
  };
}
