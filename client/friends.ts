import type { FriendJson as Friend, FriendRequestJson as FriendRequest, UserJson } from "#proto/objects.ts";
import type { Random } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { createFriendApi } from "./friend-api.ts";
import { befriend, byName, createFriendBook, newestFirst } from "./friend-book.ts";
import { createFriendChanges, type FriendChanges } from "./friend-changes.ts";
import { type FriendEvent, friendEventOf } from "./friend-frames.ts";
import { createFriendSync } from "./friend-sync.ts";
import type { HttpRequest } from "./http.ts";
import type { PresenceSide } from "./presence.ts";
import type { RawFrame } from "./socket.ts";

/** The user's friends, open requests and blocks. From the first `refresh` on they are kept current: by pushes, and after a
 *  reconnect by what changed since. A guest has none. Rejections are ClientErrors. */
export interface Friends extends FriendChanges {
  /** By remark or name. */
  list(): readonly Friend[];
  get(userId: string): Friend | undefined;
  /** Open requests to the user, newest first; at most 100. */
  received(): readonly FriendRequest[];
  /** Open requests of the user, newest first; at most 100. */
  sent(): readonly FriendRequest[];
  /** At most 1,000. */
  blocked(): readonly Friend[];
  isBlocked(userId: string): boolean;
  /** True once everything was fetched. */
  loaded(): boolean;
  /** Fetches everything the first time, later what changed, and who is online. */
  refresh(): Promise<void>;
}

export interface FriendsDeps {
  /** One request of the signed-in user. */
  readonly call: (request: HttpRequest) => Promise<unknown>;
  readonly presence: PresenceSide;
  readonly clock: Clock;
  readonly random: Random;
  readonly me: () => UserJson | undefined;
  /** The lists changed. */
  readonly onChange: () => void;
  readonly onEvent: (event: FriendEvent) => void;
}

/** The store, and what feeds it. */
export interface FriendsSide extends Friends {
  onFrame(frame: RawFrame): void;
  connected(): void;
  clear(): void;
}

export function createFriends(deps: FriendsDeps): FriendsSide {
  const { presence, clock } = deps;
  const book = createFriendBook();
  const api = createFriendApi(deps.call, clock);
  const me = (): string | undefined => {
    const user = deps.me();
    return user?.isGuest === false ? user.id : undefined;
  };
  const sync = createFriendSync({ ...deps, api, book, me });

  const apply = (event: FriendEvent): void => {
    switch (event.type) {
      case "requested":
        book.received.set(event.request.id, event.request);
        break;
      case "accepted":
      case "rejected":
        book.sent.delete(event.requestId);
        break;
      case "added": {
        const known = book.friends.get(event.friend.friendId);
        befriend(book, known?.remark === undefined ? event.friend : { ...event.friend, remark: known.remark });
        book.blocked.delete(event.friend.friendId);
        presence.refresh([event.friend.friendId]).catch(() => undefined); // The next refresh asks for everybody.
        break;
      }
      default:
        book.friends.delete(event.userId);
    }
  };

  return {
    ...createFriendChanges({ ...deps, api, book, sync, me }),
    list: () => [...book.friends.values()].sort(byName),
    get: (userId) => book.friends.get(userId),
    received: () => [...book.received.values()].sort(newestFirst),
    sent: () => [...book.sent.values()].sort(newestFirst),
    blocked: () => [...book.blocked.values()].sort(byName),
    isBlocked: (userId) => book.blocked.has(userId),
    loaded: sync.loaded,
    refresh: sync.refresh,
    onFrame: (frame) => {
      const user = me();
      const event = user === undefined ? undefined : friendEventOf(frame, user, clock.now());
      if (event === undefined) return;
      apply(event);
      sync.changed();
      deps.onEvent(event);
    },
    connected: sync.connected,
    clear: () => {
      for (const map of [book.friends, book.received, book.sent, book.blocked]) map.clear();
      sync.clear();
    },
  };
}
