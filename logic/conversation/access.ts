import type { CallOptions } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import type { Conversation, ConversationMember } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { RepoClients } from "../deps.ts";

/** The member row of `userId`, read from the database (G7). Throws CONVERSATION_NOT_FOUND, NOT_CONVERSATION_MEMBER. */
export async function requireMember(
  repo: RepoClients,
  conversationId: string,
  userId: string,
  options: CallOptions,
): Promise<ConversationMember> {
  const member = await findMember(repo, conversationId, userId, options);
  if (member !== undefined) return member;
  // Which of the two it was is asked only now: the answer to members costs one read.
  await requireConversation(repo, conversationId, options);
  throw new AppError("NOT_CONVERSATION_MEMBER");
}

export async function findMember(
  repo: RepoClients,
  conversationId: string,
  userId: string,
  options: CallOptions,
): Promise<ConversationMember | undefined> {
  const { members } = await repo.conversation.getMembership({ conversationId, userIds: [userId] }, options);
  return members.find((member) => member.user?.id === userId);
}

/** Throws CONVERSATION_NOT_FOUND. */
export async function requireConversation(
  repo: RepoClients,
  conversationId: string,
  options: CallOptions,
): Promise<Conversation> {
  const { conversation } = await repo.conversation.getConversation({ conversationId }, options);
  if (conversation === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
  return conversation;
}
