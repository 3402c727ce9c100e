import type {
  ConversationJson as Conversation,
  FriendJson as Friend,
  FriendRequestJson as FriendRequest,
  UserInfoJson,
} from "#proto/objects.ts";
import type { Random } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { codeOf } from "./errors.ts";
import type { FriendApi } from "./friend-api.ts";
import { all, befriend, closeRequests, type FriendBook, putIn, relationTo, takeOut, type Undo } from "./friend-book.ts";
import type { FriendSync } from "./friend-sync.ts";
import { createRepeater } from "./repeat.ts";

/** What a user does with friends. It shows in the book at once, and is taken back when it is refused. */
export interface FriendChanges {
  /** Asks somebody to be friends; a request of theirs that is open is accepted by it (status 1), an own block is lifted. */
  ask(userId: string, message?: string): Promise<FriendRequest>;
  /** Answers the conversation of the two. */
  accept(requestId: string): Promise<Conversation | undefined>;
  reject(requestId: string): Promise<void>;
  /** The user's own name for a friend; empty takes it away. */
  remark(userId: string, remark: string): Promise<void>;
  /** Ends the friendship for both. Who is no friend is no error. */
  remove(userId: string): Promise<void>;
  /** `info` is shown among the blocked until their list is fetched; not needed for a friend. */
  block(userId: string, info?: UserInfoJson): Promise<void>;
  /** Who was a friend before, and has not ended it, is one again. */
  unblock(userId: string): Promise<void>;
}

export interface FriendChangesDeps {
  readonly api: Pick<FriendApi, "ask" | "answer" | "remark" | "remove" | "block">;
  readonly book: FriendBook;
  readonly sync: Pick<FriendSync, "again" | "changed">;
  readonly clock: Clock;
  readonly random: Random;
  readonly me: () => string | undefined;
}

export function createFriendChanges(deps: FriendChangesDeps): FriendChanges {
  const { api, book, sync, clock } = deps;
  const repeated = createRepeater(deps);
  const relation = (userId: string, info: UserInfoJson | undefined, status: 1 | 3): Friend =>
    relationTo(deps.me() ?? "", userId, info, { status, createdAt: Math.floor(clock.now() / 1_000) });
  const friendOf = (userId: string, info: UserInfoJson | undefined): Friend =>
    book.friends.get(userId) ?? relation(userId, info, 1);

  /** Makes `change` now, and once more when it is done: an answer that was older may have come in between. */
  const optimistic = async <T>(change: () => Undo, ask: () => Promise<T>): Promise<T> => {
    const user = deps.me();
    const here = (): boolean => deps.me() === user;
    const undo = change();
    sync.changed();
    try {
      const answer = await ask();
      if (here()) change();
      return answer;
    } catch (error) {
      if (here()) {
        undo();
        sync.again();
      }
      throw error;
    } finally {
      if (here()) sync.changed();
    }
  };

  const answerTo = async (requestId: string, action: "accept" | "reject"): Promise<Conversation | undefined> => {
    const request = book.received.get(requestId);
    const change = (): Undo => {
      if (action === "reject" || request === undefined) return takeOut(book.received, requestId);
      return befriend(book, friendOf(request.requesterId, request.requester));
    };
    return (await optimistic(change, () => api.answer(requestId, action))).conversation;
  };

  return {
    ask: async (userId, message) => {
      const user = deps.me();
      const request = await repeated(api.ask(userId, message));
      if (deps.me() !== user) return request;
      if (request.status === 0) book.sent.set(request.id, request);
      else befriend(book, friendOf(userId, request.requesterId === userId ? request.requester : request.target));
      book.blocked.delete(userId);
      sync.changed();
      return request;
    },
    accept: (requestId) => answerTo(requestId, "accept"),
    reject: async (requestId) => void (await answerTo(requestId, "reject")),
    remark: async (userId, remark) => {
      const { remark: _, ...bare } = friendOf(userId, undefined);
      const known = book.friends.has(userId);
      const next = remark === "" ? bare : { ...bare, remark };
      await optimistic(
        () => (known ? putIn(book.friends, userId, next) : all()),
        () => api.remark(userId, remark),
      );
    },
    remove: (userId) => {
      const ask = (): Promise<void> =>
        api.remove(userId).catch((error: unknown) => {
          if (codeOf(error) !== "NOT_FRIENDS") throw error;
        });
      return optimistic(() => takeOut(book.friends, userId), ask);
    },
    block: (userId, info = book.friends.get(userId)?.friend) => {
      const blocked = relation(userId, info, 3);
      const change = (): Undo =>
        all(takeOut(book.friends, userId), closeRequests(book, userId), putIn(book.blocked, userId, blocked));
      return optimistic(change, () => api.block(userId, true));
    },
    unblock: async (userId) => {
      await optimistic(
        () => takeOut(book.blocked, userId),
        () => api.block(userId, false),
      );
      sync.again();
    },
  };
}
