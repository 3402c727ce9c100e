import type { ConversationJson } from "#proto/objects.ts";
import { drafts } from "../drafts.ts";
import { badge, shortTime } from "../format.ts";
import { presenceOf, sideView } from "../friends.ts";
import { nameOf, previewOf } from "../naming.ts";
import { showConversation } from "../route.ts";
import { conversationList, currentId, listLoaded, session } from "../state.ts";
import { language, t } from "../strings.ts";
import { typingIn } from "../together.ts";
import { AccountMenu } from "./account-menu.tsx";
import { Avatar } from "./avatar.tsx";
import { ConnectionState } from "./connection-state.tsx";
import { openDialog } from "./dialogs.tsx";
import { EntryMarks, EntryMenu, openEntryMenu } from "./entry-menu.tsx";
import { FriendNews } from "./friend-notes.tsx";
import { FriendsPane } from "./friends-pane.tsx";
import { Logo, PlusIcon, SearchIcon } from "./icons.tsx";
import { SideTabs } from "./side-tabs.tsx";
import { ListSkeleton } from "./skeleton.tsx";

function Preview(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  const draft = drafts.value[conversation.id];
  if (draft !== undefined && conversation.id !== currentId.value) {
    return (
      <span class="preview" dir="auto">
        <span class="draft">{t("draft")}</span> {draft}
      </span>
    );
  }
  if (typingIn(conversation.id).length > 0) return <span class="preview typing-here">{t("typingHere")}</span>;
  const last = conversation.lastMessage;
  if (last === undefined) return <span class="preview">{t(conversation.type === 3 ? "worldAbout" : "emptyRoom")}</span>;
  const mine = last.senderId === session.value?.user.id;
  const who = mine ? t("you") : conversation.type === 1 ? undefined : last.sender?.username;
  const text = previewOf(last).slice(0, 160);
  return (
    <span class="preview" dir="auto">
      {who === undefined ? text : t("says", { name: who, text })}
    </span>
  );
}

function Entry(props: { conversation: ConversationJson }) {
  const { conversation } = props;
  const name = nameOf(conversation);
  const unread = conversation.unreadCount ?? 0;
  const at = conversation.lastMessage?.createdAt;
  const here = conversation.id === currentId.value;
  const online = conversation.peer !== undefined && presenceOf(conversation.peer.id)?.online === true;
  return (
    <li class="entry-row" onContextMenu={openEntryMenu}>
      <a
        href={`#/c/${encodeURIComponent(conversation.id)}`}
        class={here ? "entry here" : "entry"}
        aria-current={here ? "page" : undefined}
        onClick={(event) => {
          if (event.metaKey || event.ctrlKey) return;
          event.preventDefault();
          showConversation(conversation.id);
        }}
      >
        <Avatar
          id={conversation.peer?.id ?? conversation.id}
          name={name}
          world={conversation.type === 3}
          size="large"
          online={online}
        />
        <span class="entry-text">
          <span class="entry-top">
            <span class="entry-name" dir="auto">
              {name}
              {online && <span class="unseen">, {t("online")}</span>}
            </span>
            <EntryMarks conversation={conversation} />
            {at !== undefined && <time dateTime={new Date(at * 1_000).toISOString()}>{shortTime(at)}</time>}
          </span>
          <span class="entry-bottom">
            <Preview conversation={conversation} />
            {unread > 0 && (
              <span class={conversation.notifyMuted === true ? "badge quiet" : "badge"}>
                <span aria-hidden="true">{badge(unread)}</span>
                <span class="unseen">{t("unread", { count: unread })}</span>
              </span>
            )}
          </span>
        </span>
      </a>
      <EntryMenu conversation={conversation} />
    </li>
  );
}

function Entries() {
  if (!listLoaded.value) return <ListSkeleton />;
  return (
    <ul class="entries">
      {conversationList.value.map((conversation) => (
        <Entry key={conversation.id} conversation={conversation} />
      ))}
    </ul>
  );
}

/** The conversations or the friends, and who I am. */
export function Sidebar() {
  language.value;
  return (
    <nav class="sidebar" aria-label={t("conversations")}>
      <header class="side-head">
        <Logo />
        <span class="brand">{t("appName")}</span>
        <button
          type="button"
          class="icon-button"
          onClick={() => openDialog("new-chat")}
          aria-label={t("newChat")}
          title={t("newChat")}
        >
          <PlusIcon />
        </button>
      </header>
      <button type="button" class="search-button" onClick={() => openDialog("switcher")}>
        <SearchIcon />
        <span>{t("searchOrJump")}</span>
        <kbd>{isApple ? "⌘K" : "Ctrl K"}</kbd>
      </button>
      {currentId.value === undefined && <ConnectionState />}
      <SideTabs />
      <div id="side-panel" class="side-panel" role="tabpanel" aria-labelledby={`tab-${sideView.value}`}>
        {sideView.value === "friends" ? <FriendsPane /> : <Entries />}
      </div>
      <FriendNews />
      <AccountMenu />
    </nav>
  );
}

const isApple = /Mac|iPhone|iPad/.test(navigator.userAgent);
