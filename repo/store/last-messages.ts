import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { ConversationRow } from "./conversation-row.ts";
import type { ListRow } from "./list-plan.ts";
import { toMessage, toUserInfo } from "./message-row.ts";

/** Bytes of text, and conversations, whose last message is held. */
const bytesMax = 16 * 1024 * 1024;
const conversationsMax = 20_000;

interface Held {
  readonly message: Message;
  readonly seqId: bigint;
  readonly bytes: number;
}

/** The last messages of conversations as the objects that they were before, for as long as nothing happened: what a row is
 *  made of changes only with the conversation's last seq, or with the sender's name and picture, and both come with
 *  every reading of the database (spec 40 §5). So whoever makes text of a message can keep it by the object. Never
 *  change one. */
export function createLastMessages(): (row: ListRow, head: ConversationRow) => Message | undefined {
  const held = new Map<string, Held>();
  let bytes = 0;

  function forget(id: string, one: Held | undefined): void {
    if (one === undefined) return;
    held.delete(id);
    bytes -= one.bytes;
  }

  function keep(id: string, one: Held): void {
    held.set(id, one);
    bytes += one.bytes;
    for (const [oldest, other] of held) {
      if (bytes <= bytesMax && held.size <= conversationsMax) break;
      forget(oldest, other);
    }
  }

  return ({ last, sender }, { id, lastSeqId: seqId }) => {
    if (last === undefined) return undefined;
    const known = held.get(id);
    if (known?.seqId === seqId && isSender(known.message, sender)) return known.message;
    forget(id, known);
    const message = toMessage(last, sender === undefined ? undefined : toUserInfo(sender));
    keep(id, { message, seqId, bytes: 2 * (last.content.length + (last.extra?.length ?? 0)) + 500 });
    return message;
  };
}

function isSender({ sender: shown }: Message, sender: ListRow["sender"]): boolean {
  if (sender === undefined || shown === undefined) return sender === shown;
  return (
    shown.username === sender.username &&
    shown.avatarUrl === (sender.avatarUrl ?? "") &&
    shown.isGuest === sender.isGuest
  );
}
