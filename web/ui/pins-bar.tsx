import type { PinnedMessage } from "#client/messages.ts";
import { attempt } from "../acting.ts";
import { clockOrDay } from "../format-group.ts";
import { goTo, jumpState } from "../jump.ts";
import { previewOf } from "../naming.ts";
import { client, current } from "../state.ts";
import { t } from "../strings.ts";
import { may, nameOfUser, pinsOf } from "../together.ts";
import { closeDialog, showDialog } from "./dialogs.tsx";
import { PinIcon, UnpinIcon } from "./group-icons.tsx";

const textOf = ({ message }: PinnedMessage): string => (message === undefined ? "" : previewOf(message));

/** The newest pinned message; a click goes to it, and the count shows all of them. */
export function PinsBar(props: { conversationId: string }) {
  const { conversationId } = props;
  const pins = pinsOf(conversationId) ?? [];
  const [newest] = pins;
  const looking = jumpState.value;
  return (
    <>
      {newest !== undefined && (
        <div class="bar pins-bar">
          <PinIcon />
          <button
            type="button"
            class="bar-text"
            title={t("goToMessage")}
            onClick={() => goTo(conversationId, newest.seqId)}
          >
            <strong>{t("pinnedOne")}</strong> <span dir="auto">{textOf(newest)}</span>
          </button>
          <button
            type="button"
            class="link"
            onClick={() =>
              showDialog(
                "pins",
                () => t("pinnedMessages"),
                () => <PinList conversationId={conversationId} />,
              )
            }
          >
            <span aria-hidden="true">{pins.length}</span>
            <span class="unseen">{`${t("pinnedCount", { count: pins.length })}: ${t("showPins")}`}</span>
          </button>
        </div>
      )}
      {looking !== undefined && (
        <p class="bar note" role="status">
          {t(looking === "looking" ? "lookingForMessage" : "messageTooOld")}
        </p>
      )}
    </>
  );
}

function PinList(props: { conversationId: string }) {
  const { conversationId } = props;
  const pins = pinsOf(conversationId) ?? [];
  const removes = may("pin", current.value);
  if (pins.length === 0) return <p class="hint">{t("noPins")}</p>;
  return (
    <ul class="pins">
      {pins.map((pin) => (
        <li key={pin.messageId} class="pin">
          <button
            type="button"
            class="pin-text"
            title={t("goToMessage")}
            onClick={() => {
              closeDialog();
              goTo(conversationId, pin.seqId);
            }}
          >
            <strong dir="auto">{pin.message?.sender?.username ?? nameOfUser(pin.message?.senderId ?? "")}</strong>
            <span dir="auto">{textOf(pin)}</span>
            <small>{t("pinnedBy", { name: nameOfUser(pin.pinnedBy), time: clockOrDay(pin.createdAt) })}</small>
          </button>
          {removes && (
            <button
              type="button"
              class="icon-button small"
              aria-label={`${t("unpinMessage")}: ${textOf(pin)}`}
              title={t("unpinMessage")}
              onClick={() => attempt(client.messages.unpin(pin.messageId))}
            >
              <UnpinIcon />
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}
