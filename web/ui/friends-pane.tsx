import type { ComponentChildren } from "preact";
import type { FriendJson } from "#proto/objects.ts";
import {
  blockedList,
  changeFriends,
  friendList,
  friendsAt,
  loadFriends,
  requestsReceived,
  requestsSent,
} from "../friends.ts";
import { client, session } from "../state.ts";
import { t } from "../strings.ts";
import { showAddFriend } from "./add-friend.tsx";
import { Avatar } from "./avatar.tsx";
import { FriendProblem } from "./friend-notes.tsx";
import { ReceivedRequest, SentRequest } from "./friend-requests.tsx";
import { FriendRow } from "./friend-row.tsx";
import { AddPersonIcon } from "./icons.tsx";
import { keepFocus } from "./keep-focus.ts";
import { ListSkeleton } from "./skeleton.tsx";
import { showUpgrade } from "./upgrade.tsx";
import { useNow } from "./use-now.ts";

const tickMs = 30_000;

/** Friends, and who would be one. */
export function FriendsPane() {
  if (session.value?.user.isGuest === true) {
    return (
      <div class="pane-note">
        <p>{t("guestNoFriends")}</p>
        <button type="button" class="button primary" onClick={showUpgrade}>
          {t("upgradeGuest")}
        </button>
      </div>
    );
  }
  if (friendsAt.value === "loading") return <ListSkeleton />;
  if (friendsAt.value === "failed") {
    return (
      <div class="pane-note">
        <p role="alert">{t("friendsFailed")}</p>
        <button type="button" class="button" onClick={loadFriends}>
          {t("tryAgain")}
        </button>
      </div>
    );
  }
  return (
    <div class="friends">
      <button type="button" class="add-friend" onClick={showAddFriend}>
        <AddPersonIcon />
        {t("addFriend")}
      </button>
      <FriendProblem />
      <Section title={t("requests")} count={requestsReceived.value.length}>
        {requestsReceived.value.map((request) => (
          <ReceivedRequest key={request.id} request={request} />
        ))}
      </Section>
      <Friends />
      <Section title={t("requestsSent")} count={requestsSent.value.length}>
        {requestsSent.value.map((request) => (
          <SentRequest key={request.id} request={request} />
        ))}
      </Section>
      <Section title={t("blockedPeople")} count={blockedList.value.length}>
        {blockedList.value.map((one) => (
          <BlockedRow key={one.friendId} blocked={one} />
        ))}
      </Section>
    </div>
  );
}

function Section(props: { title: string; count: number; children: ComponentChildren }) {
  if (props.count === 0) return null;
  return (
    <section aria-label={props.title}>
      <h2 class="section-title">
        {props.title} <span class="section-count">{props.count}</span>
      </h2>
      <ul>{props.children}</ul>
    </section>
  );
}

function Friends() {
  const nowMs = useNow(tickMs);
  const list = friendList.value;
  if (list.length === 0) {
    if (requestsReceived.value.length > 0) return null;
    return (
      <div class="pane-note">
        <strong>{t("noFriends")}</strong>
        <p>{t("noFriendsHint")}</p>
      </div>
    );
  }
  return (
    <Section title={t("friends")} count={list.length}>
      {list.map((friend) => (
        <FriendRow key={friend.friendId} friend={friend} nowMs={nowMs} />
      ))}
    </Section>
  );
}

function BlockedRow(props: { blocked: FriendJson }) {
  const { friendId, friend } = props.blocked;
  const name = friend?.username ?? friendId;
  return (
    <li class="request">
      <div class="request-head">
        <Avatar id={friendId} name={name} />
        <span class="entry-name" dir="auto">
          {name}
        </span>
        <button
          type="button"
          class="small-button"
          aria-label={t("unblockPerson", { name })}
          onClick={({ currentTarget }) => {
            keepFocus(currentTarget, ".add-friend");
            changeFriends(client.friends.unblock(friendId));
          }}
        >
          {t("unblock")}
        </button>
      </div>
    </li>
  );
}
