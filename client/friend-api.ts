import type {
  ConversationJson as Conversation,
  FriendJson as Friend,
  FriendRequestJson as FriendRequest,
} from "#proto/objects.ts";
import type { Clock } from "./clock.ts";
import type { HttpRequest } from "./http.ts";
import { uuidv7 } from "./ids.ts";

export interface FriendPage {
  readonly friends: readonly Friend[];
  /** Who is no friend any more; with `lastSync` only. */
  readonly removed: readonly string[];
  /** Unix seconds of the server: the next `lastSync`. */
  readonly serverTime: number;
}

export interface AnsweredRequest {
  readonly request: FriendRequest;
  /** The single conversation of the two, when they are friends by it. */
  readonly conversation?: Conversation;
}

/** The endpoints of spec 10 §8. Each rejects with ClientError. */
export interface FriendApi {
  friends(lastSync: number | undefined): Promise<FriendPage>;
  /** The newest 100 open ones. */
  requests(type: "received" | "sent"): Promise<readonly FriendRequest[]>;
  /** At most 1,000. */
  blocked(): Promise<readonly Friend[]>;
  /** Made once over all repeats of the returned function. */
  ask(userId: string, message: string | undefined): () => Promise<FriendRequest>;
  answer(requestId: string, action: "accept" | "reject"): Promise<AnsweredRequest>;
  remark(userId: string, remark: string): Promise<Friend>;
  remove(userId: string): Promise<void>;
  block(userId: string, blocked: boolean): Promise<void>;
}

const pageSize = 100;
const blockedPagesMax = 10;

export function createFriendApi(call: (request: HttpRequest) => Promise<unknown>, clock: Clock): FriendApi {
  const at = (userId: string, rest = ""): string => `/friends/${encodeURIComponent(userId)}${rest}`;
  return {
    friends: async (lastSync) => {
      // Presence is asked for by itself when only changes are asked for: it changes without the friendship.
      const query = lastSync === undefined ? {} : { last_sync: lastSync, includeOnline: "false" };
      const data = (await call({ method: "GET", path: "/friends", query })) as Partial<FriendPage>;
      return { friends: data.friends ?? [], removed: data.removed ?? [], serverTime: data.serverTime ?? 0 };
    },
    requests: async (type) => {
      const query = { type, status: 0, page: 1, size: pageSize };
      const data = await call({ method: "GET", path: "/friends/requests", query });
      return (data as { requests?: FriendRequest[] }).requests ?? [];
    },
    blocked: async () => {
      const all: Friend[] = [];
      for (let page = 1; page <= blockedPagesMax; page++) {
        const data = await call({ method: "GET", path: "/blocks", query: { page, size: pageSize } });
        const { blocked = [], hasMore = false } = data as { blocked?: Friend[]; hasMore?: boolean };
        all.push(...blocked);
        if (!hasMore) break;
      }
      return all;
    },
    ask: (userId, message) => {
      const idempotencyKey = uuidv7(clock.now());
      const body = { targetUserId: userId, ...(message === undefined || message === "" ? {} : { message }) };
      return async () => {
        const data = await call({ method: "POST", path: "/friends/requests", body, idempotencyKey });
        return (data as { request: FriendRequest }).request;
      };
    },
    answer: async (requestId, action) => {
      const path = `/friends/requests/${encodeURIComponent(requestId)}`;
      return (await call({ method: "PUT", path, body: { action } })) as AnsweredRequest;
    },
    remark: async (userId, remark) =>
      (await call({ method: "PUT", path: at(userId, "/remark"), body: { remark } })) as Friend,
    remove: async (userId) => {
      await call({ method: "DELETE", path: at(userId) });
    },
    block: async (userId, blocked) => {
      await call({ method: blocked ? "PUT" : "DELETE", path: `/blocks/${encodeURIComponent(userId)}` });
    },
  };
}
