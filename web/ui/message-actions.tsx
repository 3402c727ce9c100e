import type { MessageJson } from "#proto/objects.ts";
import { attempt, startEdit, startReply, toggleReaction } from "../acting.ts";
import { client } from "../state.ts";
import { t } from "../strings.ts";
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
      {mine && row.messageType === 1 && (
        <button type="button" aria-label={t("edit")} title={t("edit")} onClick={() => startEdit(row)}>
          <EditIcon />
        </button>
      )}
      {mine && (
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

/** What a message answers. */
export function Quote(props: { preview: string }) {
  return (
    <p class="quote" dir="auto">
      {props.preview === "" ? t("removedMessage") : props.preview}
    </p>
  );
}
