import { useComputed } from "@preact/signals";
import { memo } from "preact/compat";
import type { Pending } from "#client/outbox.ts";
import { activeMessage } from "../acting.ts";
import { clockTime, fullTime } from "../format.ts";
import type { MessageItem } from "../items.ts";
import { highlighted } from "../jump.ts";
import { previewOf } from "../naming.ts";
import { client, connection } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { Avatar } from "./avatar.tsx";
import { AlertIcon, ClockIcon } from "./icons.tsx";
import { MessageActions, Quote, Reactions } from "./message-actions.tsx";
import { Receipt, Tick } from "./receipt.tsx";
import { SenderName } from "./sender-name.tsx";
import { MessageText } from "./text.tsx";
import { useNow } from "./use-now.ts";

/** What became of an own message, in words. */
function SendState(props: { item: MessageItem }) {
  const { row, pending, last } = props.item;
  if (pending === undefined) return last && row !== undefined ? <Receipt row={row} /> : null;
  if (pending.state === "failed") return <Failed pending={pending} />;
  if (pending.heldUntilMs !== undefined) return <Held untilMs={pending.heldUntilMs} />;
  const waits = connection.value.at !== "open";
  return (
    <span class={waits ? "send-state" : "send-state slow"}>
      <ClockIcon />
      {waits ? t("waiting") : t("sending")}
      {waits && (
        <button type="button" class="link" onClick={() => client.cancel(pending.clientMsgId)}>
          {t("cancel")}
        </button>
      )}
    </span>
  );
}

function Failed(props: { pending: Pending }) {
  const { clientMsgId, code } = props.pending;
  return (
    <span class="send-state failed" role="alert">
      <AlertIcon />
      <span>
        {t("notSent")} {code === undefined ? "" : errorText(code)}
      </span>
      <button type="button" class="link" onClick={() => client.retry(clientMsgId)}>
        {t("tryAgain")}
      </button>
      <button type="button" class="link quiet" onClick={() => client.cancel(clientMsgId)}>
        {t("remove")}
      </button>
    </span>
  );
}

function Held(props: { untilMs: number }) {
  const now = useNow(1_000);
  return (
    <span class="send-state">
      <ClockIcon />
      {t("slowMode", { seconds: Math.max(1, Math.ceil((props.untilMs - now) / 1_000)) })}
    </span>
  );
}

function Body(props: { item: MessageItem }) {
  const { row, pending } = props.item;
  if (row?.deleted === true) return <p class="text removed">{t("removedMessage")}</p>;
  if (row !== undefined && row.messageType !== 1) return <p class="text attachment">{previewOf(row)}</p>;
  return (
    <>
      <MessageText text={row?.content ?? pending?.content ?? ""} />
      {row?.editedAt !== undefined && <span class="edited">{t("edited")}</span>}
    </>
  );
}

function Row(props: { item: MessageItem; bubbles: boolean }) {
  const { item, bubbles } = props;
  const { head, mine, row, pending } = item;
  const active = useComputed(() => activeMessage.value === item.key).value;
  const found = useComputed(() => row !== undefined && highlighted.value === row.seqId).value;
  const leave = (event: PointerEvent): void => {
    if (event.pointerType === "mouse" && activeMessage.value === item.key) activeMessage.value = undefined;
  };
  const enter = (event: PointerEvent): void => {
    if (event.pointerType === "mouse") activeMessage.value = item.key;
  };
  // A tap is over when the buttons appear: it must not press one of them.
  const tap = (): void => {
    activeMessage.value = item.key;
  };
  const replyTo = row?.replyTo ?? pending?.replyTo;
  const time = <time dateTime={new Date(item.at * 1_000).toISOString()}>{clockTime(item.at)}</time>;
  const classes = ["message", head && "head", mine && "mine", found && "found", pending?.state];
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are in message-keys.ts, for the whole list
    <li
      class={classes.filter(Boolean).join(" ")}
      data-key={item.key}
      data-seq={row?.seqId}
      onPointerEnter={enter}
      onPointerLeave={leave}
      onClick={tap}
    >
      {!bubbles && <div class="gutter">{head ? <Avatar id={item.senderId} name={item.name} /> : time}</div>}
      <div class="body" title={fullTime(item.at)}>
        {head && !bubbles ? (
          <div class="byline">
            <SenderName person={{ ...row?.sender, id: item.senderId, username: item.name }} mine={mine} />
            {time}
          </div>
        ) : (
          <span class="unseen">{item.name}: </span>
        )}
        <div class="content">
          {row?.deleted !== true && replyTo !== undefined && (
            <Quote
              conversationId={row?.conversationId ?? pending?.conversationId ?? ""}
              seqId={replyTo.seqId}
              preview={replyTo.preview}
            />
          )}
          <Body item={item} />
          {row?.forwardedFrom !== undefined && <span class="edited">{t("forwarded")}</span>}
          {bubbles && (
            <span class="bubble-foot">
              {time}
              {mine && !item.last && row !== undefined && row.deleted !== true && <Tick row={row} />}
            </span>
          )}
        </div>
        {row !== undefined && <Reactions row={row} />}
        {mine && <SendState item={item} />}
        {active && row !== undefined && row.deleted !== true && <MessageActions row={row} mine={mine} />}
      </div>
    </li>
  );
}

/** One message; drawn again only when something of it changed. */
export const MessageRow = memo(Row, (a, b) => {
  const [one, two] = [a.item, b.item];
  return (
    a.bubbles === b.bubbles &&
    one.key === two.key &&
    one.row === two.row &&
    one.pending === two.pending &&
    one.head === two.head &&
    one.last === two.last &&
    one.name === two.name
  );
});
