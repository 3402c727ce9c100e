import type { CallOptions } from "@connectrpc/connect";
import { peerOf } from "#proto/conversation-ids.ts";
import { AppError } from "#proto/errors.ts";
import { ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { RepoClients } from "../deps.ts";
import type { Signals } from "../signals.ts";
import { requireConversation, requireMember } from "./access.ts";

/** Between two signals of the same kind by one user in one conversation. */
const repeatMs = 3000;
/** How long an indicator is worth showing. */
const expiryMs = 6000;
/** Typists that are remembered. */
const typistsMax = 10_000;

export interface TypingDeps {
  readonly repo: RepoClients;
  readonly signals: Signals;
  /** Unix ms. */
  readonly clock: () => number;
}

/** Who is typing is told to the others of a single conversation or listed group that are online, and never stored. Throws
 *  NOT_CONVERSATION_MEMBER, OPERATION_NOT_SUPPORTED. Answers false for a repeat that came too early, and to somebody whom
 *  the other side has blocked. */
export function createTyping({ repo, signals, clock }: TypingDeps) {
  const toldAt = new Map<string, number>();

  function tooEarly(key: string): boolean {
    const nowMs = clock();
    if (nowMs - (toldAt.get(key) ?? Number.NEGATIVE_INFINITY) < repeatMs) return true;
    if (toldAt.size >= typistsMax) toldAt.clear();
    toldAt.set(key, nowMs);
    return false;
  }

  return async function tell(
    { userId, conversationId, typing }: { userId: string; conversationId: string; typing: boolean },
    options: CallOptions,
  ): Promise<boolean> {
    await requireMember(repo, conversationId, userId, options);
    const conversation = await requireConversation(repo, conversationId, options);
    if (conversation.isRoom || conversation.type === ConversationType.WORLD) {
      throw new AppError("OPERATION_NOT_SUPPORTED");
    }
    if (tooEarly(`${userId} ${typing} ${conversationId}`)) return false;
    const peerId = peerOf(conversationId, userId);
    if (peerId !== undefined) {
      const { relations } = await repo.friendship.areFriends({ userId, otherIds: [peerId] }, options);
      if (relations[peerId]?.blocked === true) return false;
    }
    const self = BigInt(userId);
    const others = async () => {
      const { conversations } = await repo.conversation.getConversationRoutes({ conversationIds: [conversationId] });
      return conversations
        .flatMap(({ routes }) => routes)
        .map((route) => ({ ...route, userIds: route.userIds.filter((id) => id !== self) }))
        .filter(({ userIds }) => userIds.length > 0);
    };
    signals.sendTo(others, "typing-indicator", { conversationId, userId, typing }, { ttlMs: expiryMs });
    return true;
  };
}
