import { useEffect, useState } from "preact/hooks";
import { codeOf } from "#client/errors.ts";
import type { Readers } from "#client/receipts.ts";
import type { MessageJson } from "#proto/objects.ts";
import { client, current } from "../state.ts";
import { errorText, t } from "../strings.ts";
import { nameOfUser, readIn } from "../together.ts";
import { Avatar } from "./avatar.tsx";
import { showDialog } from "./dialogs.tsx";
import { DoubleCheckIcon } from "./group-icons.tsx";
import { CheckIcon } from "./icons.tsx";

/** Of a stored message in a single chat: whether the other side has read it. The newest own one says so in words (`Receipt`). */
export function Tick(props: { row: MessageJson }) {
  const { row } = props;
  const read = readersCount(row) > 0;
  return (
    <span class={read ? "tick-state read" : "tick-state"} title={t(read ? "read" : "sent")}>
      {read ? <DoubleCheckIcon /> : <CheckIcon />}
      <span class="unseen">{t(read ? "read" : "sent")}</span>
    </span>
  );
}

/** Of the newest own message: sent, or read by how many. In a group the count shows who. */
export function Receipt(props: { row: MessageJson }) {
  const { row } = props;
  const count = readersCount(row);
  const conversation = current.value;
  if (count === 0) {
    return (
      <span class="send-state">
        <CheckIcon />
        {t("sent")}
      </span>
    );
  }
  if (conversation?.type === 1) {
    return (
      <span class="send-state read">
        <DoubleCheckIcon />
        {t("read")}
      </span>
    );
  }
  const all = count >= (conversation?.memberCount ?? 0) - 1;
  return (
    <span class="send-state read">
      <DoubleCheckIcon />
      <button type="button" class="link quiet" onClick={() => showReaders(row)}>
        {all ? t("readByAll") : t("readBy", { count })}
      </button>
    </span>
  );
}

function readersCount(row: MessageJson): number {
  let count = 0;
  for (const seqId of readIn(row.conversationId).values()) if (seqId >= row.seqId) count += 1;
  return count;
}

function showReaders(row: MessageJson): void {
  showDialog(
    "readers",
    () => t("readersTitle"),
    () => <ReaderList row={row} />,
  );
}

function ReaderList(props: { row: MessageJson }) {
  const { row } = props;
  const [readers, setReaders] = useState<Readers | undefined>(undefined);
  const [code, setCode] = useState<string | undefined>(undefined);
  // Asked again when somebody reads it meanwhile.
  const count = readersCount(row);
  useEffect(() => {
    client.receipts
      .readersOf(row.conversationId, row.seqId)
      .then(setReaders, (error: unknown) => setCode(codeOf(error)));
  }, [row, count]);
  if (readers === undefined) {
    return code === undefined ? (
      <p class="hint">{t("loading")}</p>
    ) : (
      <p class="problem" role="alert">
        {errorText(code)}
      </p>
    );
  }
  const others = (ids: readonly string[]): string[] => ids.filter((id) => id !== row.senderId);
  const read = others(readers.readers.map((one) => one.userId));
  const unread = others(readers.unreadUserIds);
  return (
    <div class="readers">
      <h3>
        {t("hasRead")} <span class="tally">{read.length}</span>
      </h3>
      {read.length === 0 ? <p class="hint">{t("readByNobody")}</p> : <Names ids={read} />}
      {unread.length > 0 && (
        <>
          <h3>
            {t("notRead")} <span class="tally">{unread.length}</span>
          </h3>
          <Names ids={unread} />
        </>
      )}
    </div>
  );
}

function Names(props: { ids: readonly string[] }) {
  return (
    <ul>
      {props.ids.map((id) => {
        const name = nameOfUser(id);
        return (
          <li key={id} class="person-row">
            <Avatar id={id} name={name} />
            <span class="entry-name" dir="auto">
              {name}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
