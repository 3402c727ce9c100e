import type { MessageJson } from "#proto/objects.ts";
import { attempt, startEdit, startReply, toggleReaction } from "../acting.ts";
import { goTo } from "../jump.ts";
import { client, current } from "../state.ts";
import { t } from "../strings.ts";
import { may, membersOf, pinsOf } from "../together.ts";
import { showForward } from "./forward.tsx";
import { ForwardIcon, PinIcon, UnpinIcon } from "./group-icons.tsx";
import { EditIcon, ReplyIcon, TrashIcon } from "./icons.tsx";

const quickEmojis = ["👍", "❤️", "😂"] as const;

/** What can be done with a message; shown on hover and while something in it has the focus. */
export function MessageActions(props: { row: MessageJson; mine: boolean }) {
  const { row, mine } = props;
  return (
    <div class="actions" role="toolbar" aria-label={t("messageActions")}>
      {quickEmojis.map((emoji) => (
        <button
          key={emoji}
          type="button"
          aria-label={t("reactWith", { emoji })}
          title={t("reactWith", { emoji })}
          onClick={() => toggleReaction(row, emoji)}
        >
          {emoji}
        </button>
      ))}
      <button type="button" aria-label={t("reply")} title={t("reply")} onClick={() => startReply(row)}>
        <ReplyIcon />
      </button>
      <button type="button" aria-label={t("forward")} title={t("forward")} onClick={() => showForward(row)}>
        <ForwardIcon />
      </button>
      <PinAction row={row} />
      {mine && row.messageType === 1 && (
        <button type="button" aria-label={t("edit")} title={t("edit")} onClick={() => startEdit(row)}>
          <EditIcon />
        </button>
      )}
      {(mine || mayRemove(row)) && (
        <button
          type="button"
          aria-label={t("recall")}
          title={t("recall")}
          onClick={() => attempt(client.messages.recall(row.id))}
        >
          <TrashIcon />
        </button>
      )}
    </div>
  );
}

/** Admins of a group, and both sides of a single chat. */
function PinAction(props: { row: MessageJson }) {
  const { row } = props;
  if (!may("pin", current.value)) return null;
  const pinned = pinsOf(row.conversationId)?.some((one) => one.messageId === row.id) === true;
  const label = t(pinned ? "unpinMessage" : "pinMessage");
  const run = (): void => attempt(pinned ? client.messages.unpin(row.id) : client.messages.pin(row.id));
  return (
    <button type="button" aria-label={label} title={label} onClick={run}>
      {pinned ? <UnpinIcon /> : <PinIcon />}
    </button>
  );
}

/** Who stands above the sender takes others' messages away as well. Who is no member any more is below everybody. */
function mayRemove(row: MessageJson): boolean {
  const conversation = current.value;
  if (conversation?.type !== 2 || !may("recall_others", conversation, 0)) return false;
  const role = membersOf(row.conversationId).get(row.senderId)?.role ?? 0;
  return may("recall_others", conversation, role);
}

/** Counts by emoji; a click joins, or takes the own one back. */
export function Reactions(props: { row: MessageJson }) {
  const { row } = props;
  const reactions = row.reactions ?? [];
  if (reactions.length === 0) return null;
  return (
    <div class="reactions">
      {reactions.map(({ emoji, count, mine }) => (
        <button
          key={emoji}
          type="button"
          class={mine ? "reaction mine" : "reaction"}
          aria-pressed={mine}
          aria-label={t("reactionCount", { emoji, count })}
          onClick={() => toggleReaction(row, emoji)}
        >
          <span>{emoji}</span> {count}
        </button>
      ))}
    </div>
  );
}

/** What a message answers; a click goes there. */
export function Quote(props: { conversationId: string; seqId: number; preview: string }) {
  const { conversationId, seqId, preview } = props;
  return (
    <button type="button" class="quote" dir="auto" title={t("goToMessage")} onClick={() => goTo(conversationId, seqId)}>
      {preview === "" ? t("removedMessage") : preview}
    </button>
  );
}
