import { batch, computed, signal } from "@preact/signals";
import { createClient } from "#client/client.ts";
import type { OpenConversation } from "#client/history.ts";
import type { Pending } from "#client/outbox.ts";
import type { ConnectionState } from "#client/socket.ts";
import { createMemoryStorage, type KeyValueStorage } from "#client/storage.ts";
import type { ConversationJson, MessageJson } from "#proto/objects.ts";
import { deviceName } from "./device-name.ts";

/** The page's own store; a browser that refuses it leaves memory. */
export function pageStorage(kind: "localStorage" | "sessionStorage"): KeyValueStorage {
  try {
    const storage = globalThis[kind];
    storage.getItem("gochat");
    return storage;
  } catch {
    return createMemoryStorage();
  }
}

/** Tokens are in localStorage so that a reload stays signed in. Any script of this origin could read them: the page loads
 *  none but its own, and is served with a policy that forbids others. */
export const client = createClient({
  baseUrl: location.origin,
  storage: pageStorage("localStorage"),
  pageStorage: pageStorage("sessionStorage"),
  clientInfo: deviceName(navigator.userAgent),
});

export const session = signal(client.auth.session());
export const connection = signal<ConnectionState>(client.connection());
/** True once the connection was open, so that a loss of it is a "re"connect. */
export const wasOpen = signal(false);
export const conversationList = signal<readonly ConversationJson[]>([]);
/** False until the list was fetched once. */
export const listLoaded = signal(false);
/** The conversation on screen. */
export const currentId = signal<string | undefined>(undefined);
/** Grows at most once per frame while the conversation on screen changes. */
export const revision = signal(0);
/** Why the sign-in page is shown, when it was not asked for. */
export const signedOutWhy = signal<"ended" | "disabled" | undefined>(undefined);
export const allPending = signal<readonly Pending[]>([]);
export const pageVisible = signal(!document.hidden);

export const current = computed(() => conversationList.value.find((one) => one.id === currentId.value));
export const unreadTotal = computed(() =>
  conversationList.value.reduce((sum, one) => sum + (one.notifyMuted === true ? 0 : (one.unreadCount ?? 0)), 0),
);

/** What a screen reader is told of new messages of the conversation on screen. */
export const arrivals = signal<readonly MessageJson[]>([]);
const arrivalsMax = 50;

let opened: OpenConversation | undefined;
/** The loaded part of the conversation on screen. */
export function openConversation(id: string): OpenConversation {
  if (opened?.id !== id) opened = client.open(id);
  return opened;
}

let framePlanned = false;
const dirty = { list: false, conversation: false, pending: false };
/** Changes show with the next frame, once; a hidden page has no frames. */
function plan(what: keyof typeof dirty): void {
  dirty[what] = true;
  if (framePlanned) return;
  framePlanned = true;
  if (document.hidden) setTimeout(show, 250);
  else requestAnimationFrame(show);
}
function show(): void {
  framePlanned = false;
  batch(() => {
    if (dirty.list) conversationList.value = client.conversations.list();
    if (dirty.pending) allPending.value = client.pending();
    if (dirty.conversation) revision.value++;
  });
  dirty.list = false;
  dirty.pending = false;
  dirty.conversation = false;
}

/** Connects signals to the client and the browser's events. Call once. */
export function startState(): void {
  allPending.value = client.pending();
  client.on("session", (event) => {
    batch(() => {
      session.value = event.session;
      if (event.session !== undefined) signedOutWhy.value = undefined;
      else {
        opened = undefined;
        listLoaded.value = false;
        wasOpen.value = false;
        if (event.why === "ended") signedOutWhy.value ??= "ended";
      }
    });
    if (event.why === "signed-in") client.connect();
  });
  client.on("connection", (state) => {
    connection.value = state;
    if (state.at === "open") wasOpen.value = true;
    if (state.at === "stopped" && state.reason === "disabled") signedOutWhy.value = "disabled";
    plan("pending");
  });
  client.on("conversations", () => {
    listLoaded.value ||= client.conversations.list().length > 0;
    plan("list");
  });
  client.on("conversation", ({ id }) => {
    if (id === currentId.value) plan("conversation");
    plan("pending");
  });
  client.on("row", (row) => {
    const mine = row.senderId === session.value?.user.id;
    if (row.conversationId !== currentId.value || row.kind === "change" || mine) return;
    if (arrivals.value.length < arrivalsMax) arrivals.value = [...arrivals.value, row];
  });
  addEventListener("online", () => client.wake());
  addEventListener("offline", () => client.wake());
  addEventListener("storage", (event) => {
    // Another page signed in, renewed the tokens, or signed out.
    if (event instanceof StorageEvent && (event.key === "gochat.session" || event.key === null)) client.auth.adopt();
  });
  document.addEventListener("visibilitychange", () => {
    pageVisible.value = !document.hidden;
    client.setHidden(document.hidden);
    if (!document.hidden) client.wake();
  });
  if (session.value !== undefined) client.connect();
}
