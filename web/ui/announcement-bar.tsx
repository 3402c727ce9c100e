import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { pageStorage } from "../state.ts";
import { t } from "../strings.ts";
import { announcementOf } from "../together.ts";
import { MegaphoneIcon } from "./group-icons.tsx";
import { CloseIcon } from "./icons.tsx";

const storage = pageStorage("localStorage");
const keyOf = (conversationId: string): string => `gochat.announcement.${conversationId}`;
/** Grows when one was hidden. */
const hidden = signal(0);

/** What a group announces, at the top of its messages, until this person hides it on this device. A new one shows again. */
export function AnnouncementBar(props: { conversationId: string }) {
  const { conversationId } = props;
  const [open, setOpen] = useState(false);
  hidden.value;
  const present = announcementOf(conversationId);
  if (present === undefined || storage.getItem(keyOf(conversationId)) === present.version) return null;
  const hide = (): void => {
    try {
      storage.setItem(keyOf(conversationId), present.version);
    } catch {
      // A full store: it shows again with the next visit.
    }
    hidden.value += 1;
  };
  return (
    <section class={open ? "bar announcement open" : "bar announcement"} aria-label={t("announcement")}>
      <MegaphoneIcon />
      <button type="button" class="bar-text" dir="auto" aria-expanded={open} onClick={() => setOpen(!open)}>
        {present.content}
      </button>
      <button
        type="button"
        class="icon-button small"
        onClick={hide}
        aria-label={t("hideAnnouncement")}
        title={t("hideAnnouncement")}
      >
        <CloseIcon />
      </button>
    </section>
  );
}
