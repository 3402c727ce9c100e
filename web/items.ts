import type { Pending } from "#client/outbox.ts";
import type { Range } from "#client/ranges.ts";
import type { MessageJson } from "#proto/objects.ts";
import { dayNumber } from "./format.ts";

/** A message as it is shown: stored, or on its way. */
export interface MessageItem {
  readonly kind: "message";
  /** The same before and after a message is stored, so that its element stays. */
  readonly key: string;
  readonly senderId: string;
  readonly name: string;
  /** Unix seconds. */
  readonly at: number;
  readonly mine: boolean;
  /** First of its group: shows avatar, name and time. */
  readonly head: boolean;
  /** The very last row and mine: says that it was sent. */
  readonly last: boolean;
  readonly row: MessageJson | undefined;
  readonly pending: Pending | undefined;
}

export type Item =
  | MessageItem
  | { readonly kind: "day"; readonly key: string; readonly at: number }
  | { readonly kind: "unread"; readonly key: string }
  | { readonly kind: "hole"; readonly key: string; readonly hole: Range }
  | { readonly kind: "change"; readonly key: string; readonly row: MessageJson };

export interface ItemsInput {
  /** The rows to show, ascending. */
  readonly rows: readonly MessageJson[];
  readonly holes: readonly Range[];
  /** Shown below the rows; empty when the rows do not reach the newest. */
  readonly pending: readonly Pending[];
  /** True when the rows reach the newest one: a hole behind them is shown, too. */
  readonly atEnd: boolean;
  readonly me: { readonly id: string; readonly username: string };
  /** The unread line goes above the first message of others after this seq; undefined = no line. */
  readonly unreadAfter: number | undefined;
}

/** Messages of one sender within five minutes form a group. */
const groupSeconds = 300;
/** Changes that say something to a reader; the others only alter what is shown already. */
const spokenChanges = new Set([
  "member_added",
  "member_removed",
  "member_left",
  "member_role",
  "member_mute",
  "info_updated",
  "pin",
  "dissolved",
]);

/** What the list shows for a stretch of rows: day lines, the unread line, holes, and messages in groups. */
export function buildItems(input: ItemsInput): Item[] {
  const items: Item[] = [];
  let day: number | undefined;
  let groupSender: string | undefined;
  let groupAt = 0;
  let lineDue = input.unreadAfter;
  let holeAt = 0;
  let before: number | undefined;

  const separate = (item: Item): void => {
    items.push(item);
    groupSender = undefined;
  };
  const onDay = (at: number): void => {
    const number = dayNumber(at);
    if (number !== day) separate({ kind: "day", key: `day-${number}`, at });
    day = number;
  };
  const message = (item: Omit<MessageItem, "kind" | "head" | "last">): void => {
    const head = item.senderId !== groupSender || item.at - groupAt >= groupSeconds;
    if (head) {
      groupSender = item.senderId;
      groupAt = item.at;
    }
    items.push({ kind: "message", head, last: false, ...item });
  };
  const holesBelow = (seq: number): void => {
    for (let hole = input.holes[holeAt]; hole !== undefined && hole.from < seq; hole = input.holes[++holeAt]) {
      if (before !== undefined && hole.to > before) separate({ kind: "hole", key: `hole-${hole.to}`, hole });
    }
  };

  for (const row of input.rows) {
    holesBelow(row.seqId);
    const spoken = row.kind !== "change" || spokenChanges.has(row.changeType ?? "");
    if (spoken) onDay(row.createdAt);
    const mine = row.senderId === input.me.id;
    if (lineDue !== undefined && row.kind !== "change" && row.seqId > lineDue) {
      const known = before !== undefined || row.seqId === lineDue + 1;
      if (!mine && known) separate({ kind: "unread", key: "unread" });
      lineDue = undefined;
    }
    before = row.seqId;
    if (row.kind === "change") {
      if (spoken) separate({ kind: "change", key: row.id, row });
      continue;
    }
    message({
      key: row.clientMsgId !== undefined && mine ? row.clientMsgId : row.id,
      senderId: row.senderId,
      name: mine ? input.me.username : (row.sender?.username ?? ""),
      at: row.createdAt,
      mine,
      row,
      pending: undefined,
    });
  }
  if (input.atEnd) holesBelow(Number.POSITIVE_INFINITY);
  for (const pending of input.pending) {
    const at = Math.floor(pending.createdAtMs / 1_000);
    onDay(at);
    const { id, username } = input.me;
    message({ key: pending.clientMsgId, senderId: id, name: username, at, mine: true, row: undefined, pending });
  }
  const last = items.at(-1);
  if (input.atEnd && last?.kind === "message" && last.mine) items[items.length - 1] = { ...last, last: true };
  return items;
}
