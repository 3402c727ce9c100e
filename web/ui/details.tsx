import { useEffect, useRef } from "preact/hooks";
import { hideDetails } from "../route.ts";
import { current } from "../state.ts";
import { t } from "../strings.ts";
import { may } from "../together.ts";
import { DetailsAnnouncement } from "./details-announcement.tsx";
import { DetailsEnd } from "./details-end.tsx";
import { DetailsInfo } from "./details-info.tsx";
import { DetailsMembers } from "./details-members.tsx";
import { DetailsPersonal } from "./details-personal.tsx";
import { DetailsRequests } from "./details-requests.tsx";
import { DetailsSettings } from "./details-settings.tsx";
import { CloseIcon } from "./icons.tsx";

/** Everything about a conversation beside its messages: who is in it, and what this user may change. */
export function Details() {
  const conversation = current.value;
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    // Opened by a button, not by the address: the focus follows, and goes back.
    const from = document.activeElement;
    if (!(from instanceof HTMLElement) || !from.classList.contains("details-button")) return;
    close.current?.focus({ preventScroll: true });
    return () => {
      if (from.isConnected) queueMicrotask(() => from.focus({ preventScroll: true }));
    };
  }, []);
  if (conversation === undefined) return null;
  const isGroup = conversation.type === 2;
  return (
    <aside
      class="details"
      aria-label={t("details")}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || event.defaultPrevented) return;
        event.preventDefault();
        hideDetails();
      }}
    >
      <header class="details-head">
        <h2>{t("details")}</h2>
        <button
          ref={close}
          type="button"
          class="icon-button"
          onClick={hideDetails}
          aria-label={t("closeDetails")}
          title={t("closeDetails")}
        >
          <CloseIcon />
        </button>
      </header>
      <div class="details-body" key={conversation.id}>
        <DetailsInfo conversation={conversation} />
        {isGroup && <DetailsAnnouncement conversation={conversation} />}
        <DetailsPersonal conversation={conversation} />
        {may("handle_join_requests", conversation) && <DetailsRequests conversation={conversation} />}
        {isGroup && <DetailsMembers conversation={conversation} />}
        {may("edit_info", conversation) && <DetailsSettings conversation={conversation} />}
        {conversation.type !== 3 && <DetailsEnd conversation={conversation} />}
      </div>
    </aside>
  );
}
