import type { ConversationJson as Conversation, MessageJson as Message, UserJson as User } from "#proto/objects.ts";
import type { Auth } from "./auth.ts";
import { codeOf } from "./errors.ts";
import type { Http, HttpRequest } from "./http.ts";
import type { CompletePage } from "./timeline.ts";

export interface ConversationPage {
  readonly conversations: readonly Conversation[];
  readonly hasMore: boolean;
}

/** A page of history, and whether there is more in the direction it was asked for. */
export interface HistoryPage extends CompletePage<Message> {
  readonly hasMore: boolean;
}

export type HistoryQuery =
  | { readonly newest: true }
  | { readonly before: number }
  | { readonly after: number; readonly limit?: number };

/** The endpoints of spec 10 that a chat needs. Renews an expired token once and repeats. Throws ClientError. */
export interface Api {
  /** Any request of the signed-in user. */
  call(request: HttpRequest): Promise<unknown>;
  profile(): Promise<User>;
  searchUsers(text: string, signal?: AbortSignal): Promise<readonly User[]>;
  conversations(page: number, size: number): Promise<ConversationPage>;
  conversation(id: string): Promise<Conversation>;
  createSingle(userId: string): Promise<Conversation>;
  createGroup(name: string, memberIds: readonly string[]): Promise<Conversation>;
  history(conversationId: string, query: HistoryQuery): Promise<HistoryPage>;
  markRead(conversationId: string, seqId: number): Promise<{ unreadCount: number }>;
  setPersonal(conversationId: string, settings: { pinned?: boolean; notifyMuted?: boolean }): Promise<void>;
  /** Single chats. */
  hide(conversationId: string): Promise<void>;
}

/** Rows per page of history; the server's own bound is 100. */
export const pageRows = 50;

export function createApi(http: Http, auth: Auth): Api {
  const call = async (request: HttpRequest): Promise<unknown> => {
    const token = await auth.accessToken();
    try {
      return await http({ ...request, token });
    } catch (error) {
      if (codeOf(error) !== "TOKEN_EXPIRED") throw error;
      return http({ ...request, token: await auth.accessToken(true) });
    }
  };
  const at = (id: string): string => `/conversations/${encodeURIComponent(id)}`;

  return {
    call,
    profile: async () => (await call({ method: "GET", path: "/users/profile" })) as User,
    searchUsers: async (text, signal) => {
      const data = await call({ method: "GET", path: "/users/search", query: { q: text, limit: 20 }, signal });
      return (data as { users?: User[] }).users ?? [];
    },
    conversations: async (page, size) => {
      const data = (await call({
        method: "GET",
        path: "/conversations",
        query: { page, size },
      })) as Partial<ConversationPage>;
      return { conversations: data.conversations ?? [], hasMore: data.hasMore ?? false };
    },
    conversation: async (id) => (await call({ method: "GET", path: at(id) })) as Conversation,
    createSingle: async (userId) => {
      return (await call({
        method: "POST",
        path: "/conversations",
        body: { type: 1, members: [userId] },
      })) as Conversation;
    },
    createGroup: async (name, memberIds) => {
      const body = { type: 2, name, members: memberIds };
      return (await call({ method: "POST", path: "/conversations", body })) as Conversation;
    },
    history: async (conversationId, query) => {
      const after = "after" in query ? query.after : undefined;
      const before = "before" in query ? query.before : undefined;
      const limit = Math.min("after" in query ? (query.limit ?? pageRows) : pageRows, 100);
      const path = `${at(conversationId)}/messages`;
      const data = await call({ method: "GET", path, query: { limit, cursor: before, after_seq: after } });
      return toPage(data as HistoryAnswer, query);
    },
    setPersonal: async (id, settings) => {
      await call({ method: "PUT", path: `${at(id)}/settings`, body: settings });
    },
    hide: async (id) => {
      await call({ method: "DELETE", path: at(id) });
    },
    markRead: async (conversationId, seqId) => {
      return (await call({ method: "PUT", path: `${at(conversationId)}/read`, body: { seqId } })) as {
        unreadCount: number;
      };
    },
  };
}

interface HistoryAnswer {
  readonly messages?: readonly Message[];
  readonly hasMore?: boolean;
  readonly latestSeqId?: number;
  readonly completeFrom?: number;
  readonly completeTo?: number;
}

/** Ascending rows; a server that does not say its complete range is believed for the rows it sent and nothing else. */
function toPage(answer: HistoryAnswer, query: HistoryQuery): HistoryPage {
  const rows = [...(answer.messages ?? [])].sort((a, b) => a.seqId - b.seqId);
  const latest = answer.latestSeqId;
  const none = "after" in query ? query.after : "before" in query ? query.before - 1 : (latest ?? 0);
  return {
    rows,
    completeFrom: answer.completeFrom ?? rows[0]?.seqId ?? none + 1,
    completeTo: answer.completeTo ?? rows.at(-1)?.seqId ?? none,
    ...(latest === undefined ? {} : { latest }),
    hasMore: answer.hasMore ?? false,
  };
}
