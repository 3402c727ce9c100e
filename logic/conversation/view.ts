import { create } from "@bufbuild/protobuf";
import type { CallOptions } from "@connectrpc/connect";
import { peerOf } from "#proto/conversation-ids.ts";
import {
  type Conversation,
  type ConversationMember,
  ConversationType,
} from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { UserInfo } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { type User, UserInfoSchema } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { IDS_MAX } from "#proto/limits.ts";
import type { RepoClients } from "../deps.ts";

export function userInfoOf(user: User): UserInfo {
  return create(UserInfoSchema, {
    id: user.id,
    username: user.username,
    avatarUrl: user.avatarUrl,
    isGuest: user.isGuest,
  });
}

/** A conversation as `member` sees it: its membership, unread messages, the last message, the other side. */
export async function viewOf(
  repo: RepoClients,
  conversation: Conversation,
  member: ConversationMember,
  options: CallOptions,
): Promise<Conversation> {
  const conversationId = conversation.id;
  const userId = member.user?.id ?? "";
  const [pointer, unread, latest] = await Promise.all([
    repo.conversation.getReadPointer({ userId, conversationId }, options),
    repo.conversation.getUnreadCount({ userId, conversationId }, options),
    repo.message.getLatestMessages({ conversationIds: [conversationId], limitPerConversation: 1 }, options),
  ]);
  const view: Conversation = {
    ...conversation,
    myMembership: member,
    lastReadSeqId: pointer.pointer?.lastReadSeqId ?? 0n,
    unreadCount: unread.unreadCount,
  };
  const [lastMessage] = latest.messages;
  if (lastMessage !== undefined && isVisible(lastMessage.seqId, member)) view.lastMessage = asLast(lastMessage);
  view.lastActivityAt = lastMessage?.createdAt ?? conversation.createdAt;
  const [seen] = await fillPeers(repo, [view], userId, options);
  return seen ?? view;
}

/** As a last message is shown: without reactions, for which of them are the caller's is not read along. */
export function asLast(message: Message): Message {
  return message.reactions.length === 0 ? message : { ...message, reactions: [] };
}

/** What the member hid from himself stays hidden, in the list as in the history. */
export function isVisible(seqId: bigint, member: ConversationMember | undefined): boolean {
  return seqId > (member?.hiddenBeforeSeq ?? 0n);
}

/** A single conversation has no name of its own: it shows the other side (spec 10 §2). One read for all of the list. */
export async function fillPeers(
  repo: RepoClients,
  conversations: readonly Conversation[],
  userId: string,
  options: CallOptions,
): Promise<Conversation[]> {
  const missing = new Set<string>();
  for (const { id, type, peer } of conversations) {
    const peerId = type === ConversationType.SINGLE && peer === undefined ? peerOf(id, userId) : undefined;
    if (peerId !== undefined && missing.size < IDS_MAX) missing.add(peerId);
  }
  const found = new Map<string, UserInfo>();
  if (missing.size > 0) {
    const { users } = await repo.user.getUsers({ userIds: [...missing] }, options);
    for (const user of users) found.set(user.id, userInfoOf(user));
  }
  return conversations.map((conversation) => {
    if (conversation.type !== ConversationType.SINGLE) return conversation;
    const peer = conversation.peer ?? found.get(peerOf(conversation.id, userId) ?? "");
    if (peer === undefined) return conversation;
    return { ...conversation, peer, name: peer.username, avatarUrl: peer.avatarUrl };
  });
}
