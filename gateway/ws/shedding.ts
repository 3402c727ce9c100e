import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { SeqRange } from "#proto/row-frames-binary.ts";
import { isMessage, type Segment } from "./push-frames.ts";

/** A row that is shown, or messages that were left out on purpose. */
export type Shown = Message | SeqRange;

export function isRange(item: Shown): item is SeqRange {
  return "fromSeq" in item;
}

/** Keeps the newest `messagesMax` messages and every change; messages before them become ranges that hold exactly them,
 *  each as long as no change and no row that came out of order is between. Answers how many messages were left out. */
export function keepNewest(items: readonly Shown[], messagesMax: number): { items: Shown[]; left: number } {
  let surplus = -messagesMax;
  for (const item of items) if (!isRange(item) && isMessage(item)) surplus += 1;
  if (surplus <= 0) return { items: [...items], left: 0 };
  const kept: Shown[] = [];
  let left = 0;
  for (const item of items) {
    if (isRange(item)) leaveOut(kept, item);
    else if (left < surplus && isMessage(item)) {
      const seq = Number(item.seqId);
      leaveOut(kept, { fromSeq: seq, toSeq: seq });
      left += 1;
    } else kept.push(item);
  }
  return { items: kept, left };
}

/** Adds a range, joined with the last one where they touch. */
function leaveOut(kept: Shown[], range: SeqRange): void {
  const last = kept.at(-1);
  if (last === undefined || !isRange(last) || last.toSeq + 1 !== range.fromSeq) kept.push(range);
  else kept[kept.length - 1] = { fromSeq: last.fromSeq, toSeq: range.toSeq };
}

/** As frames carry it: rows after at most one range. */
export function segmentsOf(items: readonly Shown[]): Segment[] {
  const segments: Segment[] = [];
  let rows: Message[] = [];
  let open = false;
  for (const item of items) {
    if (isRange(item)) {
      rows = [];
      open = true;
      segments.push({ missed: item, rows });
    } else {
      if (!open) segments.push({ missed: undefined, rows });
      open = true;
      rows.push(item);
    }
  }
  return segments;
}
