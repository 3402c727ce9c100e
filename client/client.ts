import type { MessageJson as Message, UserJson as User } from "#proto/objects.ts";
import { type Account, createAccount } from "./account.ts";
import { type Api, createApi } from "./api.ts";
import { createAsker } from "./asker.ts";
import { type Auth, createAuth, type Session } from "./auth.ts";
import { type MessageChange, messageChangeOf } from "./changes.ts";
import { type Clock, systemClock } from "./clock.ts";
import { type Conversations, createConversations } from "./conversations.ts";
import { type ConversationDraft, createDrafts, type Drafts } from "./drafts.ts";
import { createEmitter, type Emitter } from "./emitter.ts";
import { repeatable } from "./error-codes.ts";
import { codeOf } from "./errors.ts";
import type { FriendEvent } from "./friend-frames.ts";
import { createFriends, type Friends } from "./friends.ts";
import { type GroupChange, groupChangeOf } from "./group-changes.ts";
import { createHistory, type OpenConversation } from "./history.ts";
import { createHttp, type Fetch } from "./http.ts";
import { uuidv7 } from "./ids.ts";
import { createOutbox, type Draft, type Pending, type SendHandle, type Stored } from "./outbox.ts";
import { rowOfStored, sendFrame } from "./own-message.ts";
import { createPresence, type PresenceEvent, type PresenceStore } from "./presence.ts";
import { routeFrame } from "./router.ts";
import { type ConnectionState, createSocket, type RawFrame, type WebSocketLike } from "./socket.ts";
import { createMemoryStorage, type KeyValueStorage, readJson, writeJson } from "./storage.ts";
import { createTogether, type Together, type TogetherEvents } from "./together.ts";

export interface ClientOptions {
  /** Where the gateway is, e.g. `https://chat.example.org`; no trailing slash. */
  readonly baseUrl: string;
  /** Tokens and the device id; default: memory only. */
  readonly storage?: KeyValueStorage;
  /** What belongs to one running client alone: unsent messages, the id of its socket. In a browser `sessionStorage`, so that
   *  two pages do not replace each other, and a reloaded page replaces only itself. Default: memory only. */
  readonly pageStorage?: KeyValueStorage;
  readonly webSocket?: (url: string, protocols: string[]) => WebSocketLike;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
  /** In [0, 1); for jitter. */
  readonly random?: () => number;
  readonly platform?: "web" | "ios" | "android" | "desktop" | "bot";
  /** What the list of sessions calls this device, e.g. "Firefox on Linux"; at most 200 characters. */
  readonly clientInfo?: string;
  /** Where an earlier run stopped, per conversation: such a conversation starts there and fetches every row above. */
  readonly savedMark?: (conversationId: string) => number | undefined;
}

export interface ClientEvents extends TogetherEvents {
  connection: ConnectionState;
  session: { readonly session: Session | undefined; readonly why: "signed-in" | "renewed" | "signed-out" | "ended" };
  /** The conversation list or a count in it changed. */
  conversations: undefined;
  /** Rows, holes, loading state or pending messages of a conversation changed. */
  conversation: { readonly id: string };
  /** A row was pushed: each once per arrival, repeats included. */
  row: Message;
  /** A message was recalled, edited, reacted to, pinned or unpinned; besides `row`. */
  change: MessageChange;
  /** Friends, open requests or blocks changed. */
  friends: undefined;
  /** Something was pushed about friends; besides `friends`. */
  friend: FriendEvent;
  /** Somebody of whom the presence is known went online or offline. */
  presence: PresenceEvent;
  /** A conversation or its members changed, by a pushed row; besides `row`. */
  groupChange: GroupChange;
  /** A draft was changed on another device; `list` and `get` have it already. */
  draft: ConversationDraft;
  /** A message of this client is stored. */
  stored: { readonly message: Pending; readonly stored: Stored };
  /** Every frame as it came, for what the SDK does not interpret (notifications …). */
  frame: RawFrame;
}

/** A GoChat user's connection: sends with acks, conversations with contiguous history, kept up over reconnects. */
export interface Client extends Together {
  readonly on: Emitter<ClientEvents>["on"];
  readonly auth: Pick<Auth, "session" | "register" | "login" | "guest" | "logout" | "adopt" | "deviceId">;
  readonly api: Pick<Api, "profile" | "searchUsers" | "conversation">;
  /** Connects and stays connected until `disconnect`, a sign-out, or a close code that says stop. Needs a session. */
  connect(): void;
  disconnect(): void;
  /** Call it when the network or the page comes back. */
  wake(): void;
  /** Hidden pages get joined pushes of the world while it is busy. */
  setHidden(hidden: boolean): void;
  connection(): ConnectionState;
  /** Queues a message; see SendHandle for what the ack means. */
  send(draft: Draft): SendHandle;
  retry(clientMsgId: string): SendHandle | undefined;
  cancel(clientMsgId: string): void;
  pending(conversationId?: string): readonly Pending[];
  readonly friends: Friends;
  readonly presence: PresenceStore;
  /** Profile, password, upgrade of a guest, devices. */
  readonly account: Account;
  readonly conversations: Pick<Conversations, "list" | "get" | "refresh" | "markRead" | "setPersonal" | "hide">;
  /** Texts begun and not sent. */
  readonly drafts: Drafts;
  /** Opens a conversation and starts loading its newest page. The same object while it stays open. */
  open(conversationId: string): OpenConversation;
  createSingle(userId: string): ReturnType<Api["createSingle"]>;
  createGroup(name: string, memberIds: readonly string[]): ReturnType<Api["createGroup"]>;
  /** Puts a frame of spec 20 §4 on the wire; false when there is no connection. */
  transmit(frame: object): boolean;
}

export function createClient(options: ClientOptions): Client {
  const clock = options.clock ?? systemClock;
  const random = options.random ?? Math.random;
  const events = createEmitter<ClientEvents>();
  const storage = options.storage ?? createMemoryStorage();
  const http = createHttp({ baseUrl: options.baseUrl, fetch: options.fetch ?? ((url, init) => fetch(url, init)) });
  const conversationChanged = (id: string): void => events.emit("conversation", { id });
  let hidden = false;

  const platform = options.platform ?? "web";
  const { clientInfo } = options;
  const auth = createAuth({
    http,
    clock,
    storage,
    device: { platform, ...(clientInfo === undefined ? {} : { clientInfo }) },
    onSession: (session, why) => {
      if (why === "renewed") socket.send({ type: "refresh-auth", data: { token: session?.accessToken } });
      else if (session === undefined) {
        socket.disconnect();
        forget();
      }
      outbox.restore(session?.user.id);
      drafts.restore(session?.user.id);
      events.emit("session", { session, why });
    },
  });
  const api = createApi(http, auth);
  const me = (): User | undefined => auth.session()?.user;

  const outbox = createOutbox({
    clock,
    random,
    repeatable,
    storage: options.pageStorage,
    transmit: (message) => socket.send(sendFrame(message)),
    onChange: conversationChanged,
    onStored: (message, stored) => {
      const row = rowOfStored(message, stored, me());
      if (row !== undefined) arrived(row);
      events.emit("stored", { message, stored });
    },
  });
  const drafts = createDrafts({
    ...{ call: api.call, clock, random, storage },
    onChange: (draft) => events.emit("draft", draft),
  });
  const conversations = createConversations({
    api,
    clock,
    userId: () => me()?.id,
    onChange: () => events.emit("conversations", undefined),
    transmitRead: (conversationId, seqId) => socket.send({ type: "mark-read", data: { conversationId, seqId } }),
  });
  /** An own message seen in the stream is stored, whatever was said before (spec 20 §6). */
  const settleOwn = (row: Message): void => {
    if (row.clientMsgId === undefined || row.senderId !== me()?.id) return;
    outbox.acked(row.clientMsgId, { messageId: row.id, seqId: row.seqId, createdAt: row.createdAt });
  };
  const together = createTogether({
    api,
    clock,
    random,
    me: () => me()?.id,
    transmit: (frame) => socket.send(frame),
    onMessage: (message) => history.replace(message),
    emit: events.emit,
    onNames: () => events.emit("names", undefined),
  });
  const history = createHistory({
    api,
    clock,
    random,
    onChange: conversationChanged,
    me: () => me()?.id,
    onRow: (row) => {
      together.seen(row);
      settleOwn(row);
    },
    onDemand: (id) => options.savedMark === undefined && (id === "world" || conversations.get(id)?.type === 3),
    ...(options.savedMark === undefined ? {} : { savedMark: options.savedMark }),
  });
  const arrived = (row: Message): void => {
    history.push(row);
    conversations.arrived(row);
    together.row(row);
    settleOwn(row);
  };
  const presence = createPresence({
    call: api.call,
    registered: () => me()?.isGuest === false,
    onChange: (event) => events.emit("presence", event),
  });
  const friends = createFriends({
    call: api.call,
    presence,
    clock,
    random,
    me,
    onChange: () => events.emit("friends", undefined),
    onEvent: (event) => events.emit("friend", event),
  });
  const forget = (): void => {
    together.clear();
    history.clear();
    conversations.clear();
    friends.clear();
    presence.clear();
  };

  /** After `connected` or a `resync`: the list says which heads moved, then what is missing is fetched (00 §6). */
  const sync = async (only?: readonly string[]): Promise<void> => {
    await conversations.refresh();
    together.refresh();
    for (const id of only ?? history.ids()) {
      const last = conversations.get(id)?.lastSeqId;
      if (last !== undefined) history.announce(id, last);
      history.catchUp(id);
    }
  };
  /** Of whom a sync is due; "all" before any list. */
  let due: Due = new Set();
  const syncing = createAsker(
    async () => {
      const now = due;
      due = new Set();
      try {
        await sync(now === "all" ? undefined : [...now]);
        return true;
      } catch (error) {
        due = join(now, due);
        return !repeatable(codeOf(error));
      }
    },
    { clock, random },
  );
  const synced = (only?: readonly string[]): void => {
    due = join(due, only === undefined ? "all" : new Set(only));
    syncing.ask();
  };

  const socket = createSocket({
    clock,
    random,
    url: socketUrl(options.baseUrl, keptId(options.pageStorage, clock.now()), platform),
    open: options.webSocket ?? ((url, protocols) => new WebSocket(url, protocols) as WebSocketLike),
    token: auth.accessToken,
    checkSession: async () => {
      await api.profile(); // A session that ended is noticed by the refresh in there, or by the answer.
      return auth.session() !== undefined;
    },
    onState: (state) => {
      if (state.at === "open") {
        if (hidden) socket.send({ type: "presence", data: { state: "background" } });
      } else {
        outbox.disconnected();
        // The next `connected` asks for everything.
        syncing.cancel();
      }
      events.emit("connection", state);
      // The socket is away; reading may still work.
      if (state.at === "waiting" && conversations.list().length === 0) conversations.refreshSoon();
      if (state.at === "stopped" && (state.reason === "signed-out" || state.reason === "disabled")) auth.ended();
    },
    onFrame: (frame) => {
      routeFrame(frame, {
        connected: (sessionId) => {
          synced();
          drafts.connected(sessionId);
          outbox.connected();
          conversations.connected();
          friends.connected();
        },
        row: (row) => {
          arrived(row);
          events.emit("row", row);
          const change = messageChangeOf(row);
          if (change !== undefined) events.emit("change", change);
          const groupChange = groupChangeOf(row);
          if (groupChange !== undefined) events.emit("groupChange", groupChange);
        },
        missed: (conversationId, toSeq) => {
          history.announce(conversationId, toSeq);
          conversations.missed(conversationId, toSeq);
        },
        resync: (only) => {
          synced(only);
          if (only === undefined) drafts.refresh();
        },
        listChanged: conversations.refreshSoon,
        read: (conversationId, seqId, unread) => conversations.readConfirmed(conversationId, seqId, unread),
        stored: outbox.acked,
        failed: outbox.failed,
        refused: (frameId, code, retryAfterMs) => {
          outbox.refused(frameId, code, retryAfterMs);
          together.refused(frameId, code);
        },
        receipt: together.readTo,
        typing: together.heardTyping,
        draft: drafts.updated,
        me: () => me()?.id,
      });
      presence.onFrame(frame);
      friends.onFrame(frame);
      events.emit("frame", frame);
    },
  });
  outbox.restore(me()?.id);
  drafts.restore(me()?.id);

  return {
    on: events.on,
    auth,
    api,
    connect: socket.connect,
    disconnect: socket.disconnect,
    wake: socket.wake,
    setHidden: (next) => {
      if (next === hidden) return;
      hidden = next;
      socket.send({ type: "presence", data: { state: hidden ? "background" : "active" } });
    },
    connection: socket.state,
    send: (message) => {
      const handle = outbox.send(message);
      drafts.sent(message.conversationId, message.content);
      return handle;
    },
    retry: outbox.retry,
    cancel: outbox.cancel,
    pending: outbox.pending,
    friends,
    presence,
    account: createAccount({ call: api.call, auth, socket }),
    messages: together.messages,
    groups: together.groups,
    members: together.members,
    pins: together.pins,
    typing: together.typing,
    receipts: together.receipts,
    names: together.names,
    drafts,
    conversations,
    open: history.open,
    createSingle: async (userId) => {
      const conversation = await api.createSingle(userId);
      conversations.put(conversation);
      return conversation;
    },
    createGroup: async (name, memberIds) => {
      const conversation = await api.createGroup(name, memberIds);
      conversations.put(conversation);
      return conversation;
    },
    transmit: socket.send,
  };
}

function socketUrl(baseUrl: string, deviceId: string, platform: string): string {
  const params = new URLSearchParams({ v: "1", platform, deviceId });
  return `${baseUrl.replace(/^http/, "ws")}/ws?${params}`;
}

type Due = ReadonlySet<string> | "all";

function join(one: Due, other: Due): Due {
  return one === "all" || other === "all" ? "all" : new Set([...one, ...other]);
}

const socketKey = "gochat.socket";
/** A server keeps one socket per id: the newest. */
function keptId(storage: KeyValueStorage | undefined, nowMs: number): string {
  if (storage === undefined) return uuidv7(nowMs);
  const saved = readJson(storage, socketKey);
  const id = typeof saved === "string" ? saved : uuidv7(nowMs);
  writeJson(storage, socketKey, id);
  return id;
}
