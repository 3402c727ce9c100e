import { badge } from "../format.ts";
import { requestsReceived, sideView } from "../friends.ts";
import { unreadTotal } from "../state.ts";
import { t } from "../strings.ts";

const views = ["chats", "friends"] as const;

/** Chats or friends in the list. The arrow keys move between the two. */
export function SideTabs() {
  const requests = requestsReceived.value.length;
  const unread = unreadTotal.value;
  const onKeyDown = (event: KeyboardEvent & { currentTarget: HTMLElement }): void => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    sideView.value = sideView.value === "chats" ? "friends" : "chats";
    document.getElementById(`tab-${sideView.value}`)?.focus();
  };
  return (
    <div class="tabs side-tabs" role="tablist" onKeyDown={onKeyDown}>
      {views.map((view) => {
        const count = view === "friends" ? requests : sideView.value === "friends" ? unread : 0;
        const chosen = sideView.value === view;
        return (
          <button
            key={view}
            id={`tab-${view}`}
            type="button"
            role="tab"
            aria-selected={chosen}
            aria-controls="side-panel"
            tabIndex={chosen ? 0 : -1}
            aria-label={view === "friends" && count > 0 ? t("friendsWithRequests", { count }) : undefined}
            onClick={() => {
              sideView.value = view;
            }}
          >
            {t(view)}
            {count > 0 && <span class="badge">{badge(count)}</span>}
          </button>
        );
      })}
    </div>
  );
}
