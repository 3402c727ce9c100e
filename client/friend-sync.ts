import type { FriendJson as Friend } from "#proto/objects.ts";
import { createAsker } from "./asker.ts";
import type { Random } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { repeatable } from "./error-codes.ts";
import { codeOf } from "./errors.ts";
import type { FriendApi } from "./friend-api.ts";
import { type FriendBook, refill } from "./friend-book.ts";
import type { PresenceSide } from "./presence.ts";

/** Keeps a book in step with the server. */
export interface FriendSync {
  /** Fetches everything the first time, later what changed, and who is online. One fetch at a time. */
  refresh(): Promise<void>;
  /** The same some time, until it succeeds. */
  again(): void;
  /** The book was changed: an answer that is on its way may be older, so it is asked for again. */
  changed(): void;
  loaded(): boolean;
  connected(): void;
  clear(): void;
}

export interface FriendSyncDeps {
  readonly api: Pick<FriendApi, "friends" | "requests" | "blocked">;
  readonly book: FriendBook;
  readonly presence: Pick<PresenceSide, "asking" | "refresh">;
  readonly clock: Clock;
  readonly random: Random;
  /** Who has friends: undefined while nobody or a guest is signed in. */
  readonly me: () => string | undefined;
  readonly onChange: () => void;
}

/** After a reconnect the refresh waits for up to this long: not everybody asks at once when a server comes back. */
const reconnectSpreadMs = 3_000;

export function createFriendSync(deps: FriendSyncDeps): FriendSync {
  const { api, book, presence, clock, random } = deps;
  let generation = 0;
  /** Server time of the last answer; undefined before the first. */
  let lastSync: number | undefined;
  /** The application wants friends: they are kept current from then on. */
  let held = false;
  let running: Promise<void> | undefined;
  let cancelReconnect: (() => void) | undefined;

  const fetchAll = async (): Promise<void> => {
    const mine = generation;
    if (deps.me() === undefined) return;
    const since = lastSync;
    const answered = presence.asking();
    const [page, received, sent, blocked] = await Promise.all([
      api.friends(since),
      api.requests("received"),
      api.requests("sent"),
      api.blocked(),
    ]);
    if (mine !== generation) return;
    if (since === undefined) book.friends.clear();
    for (const one of page.friends) book.friends.set(one.friendId, one);
    for (const userId of page.removed) book.friends.delete(userId);
    refill(book.received, received, (one) => one.id);
    refill(book.sent, sent, (one) => one.id);
    refill(book.blocked, blocked, (one) => one.friendId);
    lastSync = page.serverTime;
    if (since === undefined) answered(page.friends.map(toStatus));
    deps.onChange();
    if (since !== undefined) await presence.refresh([...book.friends.keys()]);
  };
  const refresh = (): Promise<void> => {
    held = true;
    const before = running ?? Promise.resolve();
    const next = before.then(fetchAll, fetchAll).finally(() => {
      if (running === next) running = undefined;
    });
    running = next;
    return next;
  };
  const asker = createAsker(
    () =>
      refresh().then(
        () => true,
        (error: unknown) => !repeatable(codeOf(error)),
      ),
    { clock, random },
  );

  return {
    refresh,
    again: asker.ask,
    changed: () => {
      if (running !== undefined) asker.ask();
      deps.onChange();
    },
    loaded: () => lastSync !== undefined,
    connected: () => {
      if (!held) return;
      cancelReconnect?.();
      cancelReconnect = clock.after(Math.floor(random() * reconnectSpreadMs), asker.ask);
    },
    clear: () => {
      generation += 1;
      lastSync = undefined;
      held = false;
      running = undefined;
      cancelReconnect?.();
      asker.cancel();
      deps.onChange();
    },
  };
}

function toStatus({ friendId, online, lastSeen }: Friend): { userId: string; isOnline: boolean; lastSeen?: number } {
  return { userId: friendId, isOnline: online === true, ...(lastSeen === undefined ? {} : { lastSeen }) };
}
