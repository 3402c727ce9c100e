import { signal } from "@preact/signals";
import type { OpenConversation } from "#client/history.ts";
import { lowerBound } from "#client/timeline.ts";

/** A message of the conversation on screen that somebody wants to see; the list goes there. */
export interface Wanted {
  readonly conversationId: string;
  readonly seqId: number;
}
export const wanted = signal<Wanted | undefined>(undefined);
/** What the list does about it, for the eye; undefined = nothing. */
export const jumpState = signal<"looking" | "too-old" | undefined>(undefined);
/** The seq of the message that was gone to, until it has been seen. */
export const highlighted = signal<number | undefined>(undefined);

/** Pages of older rows that are fetched for one jump: 2,000 rows. */
const pagesMax = 40;
const aroundRows = 25;

export function goTo(conversationId: string, seqId: number): void {
  jumpState.value = undefined;
  wanted.value = { conversationId, seqId };
}

/** Loads what is needed to show the row; false when it is too far back or gone. */
export async function fetchRow(open: OpenConversation, seqId: number): Promise<boolean> {
  const { timeline } = open;
  for (let page = 0; page < pagesMax && seqId < (timeline.floor() ?? 0) && open.hasOlder(); page++) {
    jumpState.value = "looking";
    await open.loadOlder();
    if (open.olderLoading().at === "failed") break;
  }
  if (!has(open, seqId) && seqId >= (timeline.floor() ?? 0)) {
    const last = timeline.head();
    await open.loadHole({ from: Math.max(1, seqId - aroundRows), to: Math.min(last, seqId + aroundRows) });
  }
  const found = has(open, seqId);
  jumpState.value = found ? undefined : "too-old";
  return found;
}

function has({ timeline }: OpenConversation, seqId: number): boolean {
  const rows = timeline.rows();
  return rows[lowerBound(rows, seqId)]?.seqId === seqId;
}
