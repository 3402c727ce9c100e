import type { FriendJson as Friend, FriendRequestJson as FriendRequest, UserInfoJson } from "#proto/objects.ts";
import type { RawFrame } from "./socket.ts";

/** What a frame about friends says (spec 20 §5). */
export type FriendEvent =
  | { readonly type: "requested"; readonly request: FriendRequest }
  /** The other side answered a request of this user. */
  | { readonly type: "accepted" | "rejected"; readonly requestId: string }
  | { readonly type: "added"; readonly friend: Friend; readonly conversationId: string }
  | { readonly type: "removed"; readonly userId: string };

/** Undefined for every other frame, and for one that is misshapen. `me` is who is signed in, `nowMs` stands for the time of
 *  a request, which its frame does not carry. */
export function friendEventOf({ type, data }: RawFrame, me: string, nowMs: number): FriendEvent | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const fields = data as Readonly<Record<string, unknown>>;
  switch (type) {
    case "friend-request":
      return requestEvent(fields, me, nowMs);
    case "friend-added": {
      const friend = fields.friend as Partial<Friend> | undefined;
      if (typeof friend?.friendId !== "string") return undefined;
      return { type: "added", friend: friend as Friend, conversationId: String(fields.conversationId ?? "") };
    }
    case "friend-removed":
      return typeof fields.userId === "string" ? { type: "removed", userId: fields.userId } : undefined;
    default:
      return undefined;
  }
}

function requestEvent(
  { requestId, requester, message, event }: Readonly<Record<string, unknown>>,
  me: string,
  nowMs: number,
): FriendEvent | undefined {
  if (typeof requestId !== "string") return undefined;
  if (event === "accepted" || event === "rejected") return { type: event, requestId };
  const from = requester as Partial<UserInfoJson> | undefined;
  if (event !== "received" || typeof from?.id !== "string") return undefined;
  return {
    type: "requested",
    request: {
      id: requestId,
      requesterId: from.id,
      targetId: me,
      status: 0,
      createdAt: Math.floor(nowMs / 1_000),
      requester: { ...from, id: from.id, username: from.username ?? "" },
      ...(typeof message === "string" ? { message } : {}),
    },
  };
}
