import type { ServiceImpl } from "@connectrpc/connect";
import type { Once } from "#infra/once/once.ts";
import { WORLD_ID } from "#proto/conversation-ids.ts";
import { AppError } from "#proto/errors.ts";
import type { Conversation } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { SEQ_MAX } from "#proto/limits.ts";
import { areGuestsAllowed } from "../auth/accounts.ts";
import { asMember, requireConversation, requireMember } from "../conversation/access.ts";
import type { CreateRules } from "../conversation/create.ts";
import { createConversationOnce } from "../conversation/create-once.ts";
import type { ConversationEvents } from "../conversation/events.ts";
import { createReceipts } from "../conversation/receipts.ts";
import { createTyping } from "../conversation/typing.ts";
import { viewOf } from "../conversation/view.ts";
import type { LogicContext } from "../deps.ts";
import type { Signals } from "../signals.ts";
import { invalid, optionsOf, requireConversationId, requireUserId } from "./arguments.ts";
import { listMethods } from "./conversation-list.ts";
import { historyMethods, memberMethods } from "./conversation-reads.ts";
import { draftMethods } from "./drafts.ts";

export interface ConversationDeps extends Pick<LogicContext, "repo" | "metrics" | "clock"> {
  readonly events: ConversationEvents;
  readonly signals: Signals;
  /** Remembers creations by the caller's key. */
  readonly once: Once;
}

/** gochat.logic.v1.ConversationService: lists, history, read state, typing and creation, each checked against the database
 *  (G7). */
export function conversationService(
  { repo, events, once, metrics, signals, clock }: ConversationDeps,
  options: CreateRules,
): Partial<ServiceImpl<typeof ConversationService>> {
  const typing = createTyping({ repo, signals, clock });
  return {
    ...listMethods({ repo, metrics }),
    ...memberMethods({ repo }),
    ...historyMethods({ repo }),
    ...readState({ repo }, events, createReceipts({ repo, signals })),
    ...draftMethods({ repo, signals }),

    async createConversation(request, call) {
      const calls = optionsOf(call);
      const made = await createConversationOnce({ repo, once }, request, options, calls);
      if (made.created && !made.replayed) {
        events.created(made.conversation, request.creatorId, made.memberIds);
        signals.send(made.memberIds, "conversation-updated", announcementOf(made.conversation));
      }
      const member = await requireMember(repo, made.conversation.id, request.creatorId, calls);
      return { conversation: await viewOf(repo, made.conversation, member, calls), created: made.created };
    },

    async sendTyping({ userId, conversationId, typing: is }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      return { accepted: await typing({ userId, conversationId, typing: is }, optionsOf(call)) };
    },

    async joinWorldChat({ userId }, call) {
      requireUserId(userId);
      const calls = optionsOf(call);
      const [conversation, { user }] = await Promise.all([
        requireConversation(repo, WORLD_ID, calls),
        repo.user.getUser({ userId }, calls),
      ]);
      if (user?.isGuest === true && !areGuestsAllowed(conversation.settings)) throw new AppError("GUEST_DISABLED");
      // Every account is a member from its creation on; joining again changes nothing.
      const member = await requireMember(repo, WORLD_ID, userId, calls);
      return { success: true, conversation: await viewOf(repo, conversation, member, calls) };
    },
  };
}

/** That a conversation exists is no row of its stream: it has no seq. */
function announcementOf({ id, type, name, avatarUrl, ownerId, memberCount, version }: Conversation) {
  const conversation = {
    id,
    type,
    memberCount,
    version: version.toString(),
    ...(name === "" ? {} : { name }),
    ...(avatarUrl === "" ? {} : { avatarUrl }),
    ...(ownerId === "" ? {} : { ownerId }),
  };
  return { conversationId: id, changed: ["created"], conversation };
}

function readState(
  { repo }: Pick<LogicContext, "repo">,
  events: ConversationEvents,
  receipt: ReturnType<typeof createReceipts>,
): Pick<ServiceImpl<typeof ConversationService>, "markAsRead" | "getUnreadCount"> {
  return {
    async markAsRead({ userId, conversationId, seqId }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      if (seqId < 0n || seqId > BigInt(SEQ_MAX)) throw invalid("seq_id");
      const calls = optionsOf(call);
      const moving = repo.conversation.updateReadPointer({ userId, conversationId, seqId }, calls);
      const moved = await asMember(repo, conversationId, calls, moving);
      if (moved.lastReadSeqId > moved.previousSeqId) {
        events.read(conversationId, userId, moved);
        receipt(conversationId, userId, moved.previousSeqId, moved.lastReadSeqId);
      }
      return { success: true, unreadCount: moved.unreadCount, lastReadSeqId: moved.lastReadSeqId };
    },

    async getUnreadCount({ userId, conversationId }, call) {
      requireUserId(userId);
      const calls = optionsOf(call);
      if (conversationId !== "") {
        requireConversationId(conversationId);
        const counting = repo.conversation.getUnreadCount({ userId, conversationId }, calls);
        const { unreadCount } = await asMember(repo, conversationId, calls, counting);
        return { unreadCount, conversationCounts: { [conversationId]: unreadCount } };
      }
      const answer = await repo.conversation.batchGetUnreadCounts({ userId, conversationIds: [] }, calls);
      const { counts } = answer;
      const muted = new Set(answer.notifyMutedIds);
      let unreadCount = 0n;
      for (const [id, count] of Object.entries(counts)) if (!muted.has(id)) unreadCount += count;
      return { unreadCount, conversationCounts: counts };
    },
  };
}
