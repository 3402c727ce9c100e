import type { ConversationJson as Conversation, ConversationMemberJson as ConversationMember } from "#proto/objects.ts";
import type { Changer } from "./changer.ts";
import type { HttpRequest } from "./http.ts";

export interface MemberPage {
  readonly members: readonly ConversationMember[];
  readonly hasMore: boolean;
  readonly total: number;
}

/** Who was added, and why others were not (codes of the error table). */
export interface Added {
  readonly added: readonly string[];
  readonly failed: readonly { readonly userId: string; readonly code: string }[];
}

/** `settings` sets those it names; the others stay. With `version` the change is refused (VERSION_CONFLICT) when somebody
 *  changed the group after that version was read. */
export interface GroupInfo {
  readonly name?: string;
  readonly avatarUrl?: string;
  readonly description?: string;
  readonly settings?: GroupSettings;
  readonly version?: string;
}

/** Spec 10 §9. */
export interface GroupSettings {
  readonly join_approval_required?: boolean;
  readonly invite_enabled?: boolean;
  readonly mute_all?: boolean;
  readonly allow_member_view_history?: boolean;
  readonly max_members?: number;
}

export interface Announcement {
  readonly content: string;
  readonly authorId: string;
  /** Unix seconds. */
  readonly updatedAt: number;
  readonly version: string;
  readonly pinned: boolean;
}

export interface JoinRequest {
  readonly id: string;
  readonly conversationId: string;
  readonly userId: string;
  readonly message?: string;
  /** 1 pending, 2 accepted, 3 rejected. */
  readonly status: number;
  readonly handledBy?: string;
  /** Unix seconds. */
  readonly createdAt: number;
}

export interface JoinRequestPage {
  readonly requests: readonly JoinRequest[];
  readonly total: number;
  readonly hasMore: boolean;
}

/** Groups and their members (spec 10 §5, §6, §9). Changes are made once over all repeats (see Changer), and show by the row
 *  that the server pushes to every member. All reject with ClientError; who may do what: `#proto/permissions.ts`. */
export interface Groups {
  /** By user id; `page` from 1, `size` at most 100, `role` alone when given. */
  members(conversationId: string, page?: { page?: number; size?: number; role?: number }): Promise<MemberPage>;
  /** At most 100 people. */
  add(conversationId: string, userIds: readonly string[]): Promise<Added>;
  remove(conversationId: string, userId: string, reason?: string): Promise<void>;
  /** 1 member, 2 admin. */
  setRole(conversationId: string, userId: string, role: 1 | 2): Promise<void>;
  /** The caller becomes an admin. */
  transfer(conversationId: string, userId: string): Promise<void>;
  /** `seconds` 0: until it is lifted; at most 30 days. */
  mute(conversationId: string, userId: string, seconds?: number): Promise<ConversationMember>;
  unmute(conversationId: string, userId: string): Promise<ConversationMember>;
  /** Only admins may write, or everybody again. */
  muteAll(conversationId: string, enabled: boolean): Promise<void>;
  /** The owner transfers the group first. */
  leave(conversationId: string): Promise<void>;
  /** For everybody and for good; what was written stays readable. */
  dissolve(conversationId: string, reason?: string): Promise<void>;
  update(conversationId: string, info: GroupInfo): Promise<Conversation>;
  /** Undefined when nothing was announced. */
  announcement(conversationId: string): Promise<Announcement | undefined>;
  /** At most 2,000 characters; an empty text takes it down. */
  announce(
    conversationId: string,
    announcement: { content: string; pinned?: boolean; version?: string },
  ): Promise<Announcement>;
  /** Asks to be let in, where the group takes requests (else OPERATION_NOT_SUPPORTED). */
  requestJoin(conversationId: string, message?: string): Promise<JoinRequest>;
  /** Newest first. */
  joinRequests(
    conversationId: string,
    page?: { page?: number; size?: number; status?: number },
  ): Promise<JoinRequestPage>;
  acceptJoin(request: Pick<JoinRequest, "id" | "conversationId">): Promise<JoinRequest>;
  rejectJoin(request: Pick<JoinRequest, "id" | "conversationId">): Promise<JoinRequest>;
}

export interface GroupsDeps {
  /** One request of the signed-in user. */
  readonly call: (request: HttpRequest) => Promise<unknown>;
  readonly changer: Changer;
}

export function createGroups(deps: GroupsDeps): Groups {
  return { ...memberMethods(deps), ...infoMethods(deps), ...joinMethods(deps) };
}

const at = (id: string, rest = ""): string => `/conversations/${encodeURIComponent(id)}${rest}`;
const memberAt = (id: string, userId: string, rest = ""): string =>
  at(id, `/members/${encodeURIComponent(userId)}${rest}`);

type MemberMethod = "members" | "add" | "remove" | "setRole" | "transfer" | "mute" | "unmute" | "muteAll" | "leave";

function memberMethods({ call, changer }: GroupsDeps): Pick<Groups, MemberMethod> {
  const mute = async (id: string, userId: string, fields: object): Promise<ConversationMember> =>
    (await changer.put(memberAt(id, userId, "/mute"), fields)) as ConversationMember;
  const setRole = async (id: string, userId: string, role: number): Promise<void> => {
    await changer.put(memberAt(id, userId), { role });
  };
  return {
    members: async (id, { page = 1, size = 100, role } = {}) =>
      (await call({ method: "GET", path: at(id, "/members"), query: { page, size, role } })) as MemberPage,
    add: async (id, members) => (await changer.post(at(id, "/members"), { members })) as Added,
    remove: async (id, userId, reason) => {
      await changer.remove(memberAt(id, userId), { reason });
    },
    setRole,
    transfer: (id, userId) => setRole(id, userId, 3),
    mute: (id, userId, durationSeconds = 0) => mute(id, userId, { muted: true, durationSeconds }),
    unmute: (id, userId) => mute(id, userId, { muted: false }),
    muteAll: async (id, enabled) => {
      await changer.put(at(id, "/mute-all"), { enabled });
    },
    leave: async (id) => {
      await changer.post(at(id, "/leave"));
    },
  };
}

function infoMethods({ call, changer }: GroupsDeps): Pick<Groups, "dissolve" | "update" | "announcement" | "announce"> {
  return {
    dissolve: async (id, reason) => {
      await changer.remove(at(id), { reason });
    },
    update: async (id, info) => (await changer.put(at(id), info)) as Conversation,
    announcement: async (id) =>
      (await call({ method: "GET", path: at(id, "/announcement") })) as Announcement | undefined,
    announce: async (id, announcement) => (await changer.put(at(id, "/announcement"), announcement)) as Announcement,
  };
}

function joinMethods({
  call,
  changer,
}: GroupsDeps): Pick<Groups, "requestJoin" | "joinRequests" | "acceptJoin" | "rejectJoin"> {
  const handle = async (request: Pick<JoinRequest, "id" | "conversationId">, action: string): Promise<JoinRequest> => {
    const path = at(request.conversationId, `/join-requests/${encodeURIComponent(request.id)}`);
    return (await changer.put(path, { action })) as JoinRequest;
  };
  return {
    requestJoin: async (id, message) =>
      (await call({
        method: "POST",
        path: at(id, "/join-requests"),
        body: message === undefined ? {} : { message },
      })) as JoinRequest,
    joinRequests: async (id, { page = 1, size = 100, status } = {}) =>
      (await call({
        method: "GET",
        path: at(id, "/join-requests"),
        query: { page, size, status },
      })) as JoinRequestPage,
    acceptJoin: (request) => handle(request, "accept"),
    rejectJoin: (request) => handle(request, "reject"),
  };
}
