import { batch, computed, type Signal, signal } from "@preact/signals";
import { codeOf } from "#client/errors.ts";
import type { Presence } from "#client/presence.ts";
import type { FriendJson, FriendRequestJson } from "#proto/objects.ts";
import { showConversation } from "./route.ts";
import { client, conversationList, session } from "./state.ts";

/** Which list the side shows. */
export const sideView = signal<"chats" | "friends">("chats");

export const friendList = signal<readonly FriendJson[]>([]);
export const requestsReceived = signal<readonly FriendRequestJson[]>([]);
export const requestsSent = signal<readonly FriendRequestJson[]>([]);
export const blockedList = signal<readonly FriendJson[]>([]);
export const friendsAt = signal<"loading" | "ready" | "failed">("loading");
/** The last thing that happened to friends, for a screen reader. */
export const friendNews = signal<{ readonly type: "requested" | "added"; readonly name: string } | undefined>(
  undefined,
);

/** Code of the change that was refused and taken back last; until the next change. */
export const friendProblem = signal<string | undefined>(undefined);

const friendsById = computed(() => new Map(friendList.value.map((one) => [one.friendId, one])));
const blockedById = computed(() => new Map(blockedList.value.map((one) => [one.friendId, one])));

export const friendOf = (userId: string): FriendJson | undefined => friendsById.value.get(userId);
export const isBlocked = (userId: string): boolean => blockedById.value.has(userId);

/** One signal per person, so that somebody who comes online redraws one row. */
const presences = new Map<string, Signal<Presence | undefined>>();
function presenceSignal(userId: string): Signal<Presence | undefined> {
  let found = presences.get(userId);
  if (found === undefined) {
    found = signal(client.presence.of(userId));
    presences.set(userId, found);
  }
  return found;
}
export const presenceOf = (userId: string): Presence | undefined => presenceSignal(userId).value;

/** Fetches what is not there yet; the client keeps it current from then on. */
export function loadFriends(): void {
  if (session.peek()?.user.isGuest !== false) return;
  if (!client.friends.loaded()) friendsAt.value = "loading";
  client.friends.refresh().catch(() => {
    if (!client.friends.loaded()) friendsAt.value = "failed";
  });
}

/** Shows the chat with somebody, at once when it exists. Rejects with the refusal. */
export async function openChatWith(userId: string): Promise<void> {
  const known = conversationList.peek().find((one) => one.type === 1 && one.peer?.id === userId);
  showConversation(known?.id ?? (await client.createSingle(userId)).id);
}

/** Runs a change that shows at once. When it is refused the lists are as before, and the reason is shown. */
export function changeFriends(change: Promise<unknown>): void {
  friendProblem.value = undefined;
  friendNews.value = undefined;
  change.catch((error: unknown) => {
    friendProblem.value = codeOf(error);
  });
}

let planned = false;
/** Changes show with the next frame, once; a hidden page has no frames. */
function plan(): void {
  if (planned) return;
  planned = true;
  if (document.hidden) setTimeout(show, 250);
  else requestAnimationFrame(show);
}
function show(): void {
  planned = false;
  const { friends } = client;
  batch(() => {
    friendList.value = friends.list();
    requestsReceived.value = friends.received();
    requestsSent.value = friends.sent();
    blockedList.value = friends.blocked();
    if (friends.loaded()) friendsAt.value = "ready";
  });
}

/** Connects the signals to the client. Call once, after `startState`. */
export function startFriends(): void {
  client.on("friends", plan);
  client.on("presence", ({ userId, online, lastSeen }) => {
    presenceSignal(userId).value = { online, lastSeen };
  });
  client.on("friend", (event) => {
    if (event.type === "requested")
      friendNews.value = { type: "requested", name: event.request.requester?.username ?? "" };
    if (event.type === "added") friendNews.value = { type: "added", name: event.friend.friend?.username ?? "" };
  });
  let wasGuest = session.peek()?.user.isGuest;
  client.on("session", ({ session: next }) => {
    if (next === undefined) {
      presences.clear();
      batch(() => {
        sideView.value = "chats";
        friendsAt.value = "loading";
        friendNews.value = undefined;
        friendProblem.value = undefined;
      });
    }
    // Signed in, or a guest became an account.
    if (next?.user.isGuest === false && wasGuest !== false) loadFriends();
    wasGuest = next?.user.isGuest;
  });
  loadFriends();
}
