import { peerOf } from "#proto/conversation-ids.ts";
import { ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { HISTORY_ROWS_MAX } from "#proto/limits.ts";
import type { RepoClients } from "../deps.ts";
import type { Signals } from "../signals.ts";
import { isReadShown } from "./settings.ts";

/** Tells how far somebody has read (spec 20 §5 `message-read`): his own sessions, and those who wrote what he has read:
 *  the other side of a single conversation, in a listed group the senders of the newest 100 rows of the range. */
export function createReceipts({ repo, signals }: { readonly repo: RepoClients; readonly signals: Signals }) {
  async function sendersOf(conversationId: string, userId: string, from: bigint, to: bigint): Promise<string[]> {
    const { conversation } = await repo.conversation.getConversation({ conversationId });
    if (conversation === undefined || conversation.isRoom) return [];
    if (conversation.type === ConversationType.SINGLE) {
      const peer = peerOf(conversationId, userId);
      return peer === undefined || !isReadShown(conversation.settings) ? [] : [peer];
    }
    const range = { startSeqId: from + 1n, endSeqId: to, limit: HISTORY_ROWS_MAX };
    const { messages } = await repo.message.getConversationMessages({ conversationId, ...range, excludeChanges: true });
    return messages.flatMap(({ sender }) => (sender === undefined ? [] : [sender.id]));
  }

  return function tell(conversationId: string, userId: string, from: bigint, to: bigint): void {
    signals.background("message-read", async () => {
      const senders = await sendersOf(conversationId, userId, from, to);
      const data = { conversationId, userId, lastReadSeqId: Number(to) };
      signals.send([userId, ...senders], "message-read", data);
    });
  };
}
