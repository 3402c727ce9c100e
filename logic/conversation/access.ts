import type { CallOptions } from "@connectrpc/connect";
import { AppError, isAppError } from "#proto/errors.ts";
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
  return member ?? (await refuseStranger(repo, conversationId, options));
}

/** For a call of repo that checks the membership in its own statement: says which of the two it was. */
export async function asMember<T>(
  repo: RepoClients,
  conversationId: string,
  options: CallOptions,
  call: Promise<T>,
): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (isAppError(error, "NOT_CONVERSATION_MEMBER")) return await refuseStranger(repo, conversationId, options);
    throw error;
  }
}

/** Whether the conversation exists is asked only now, so that answering a member costs one read. */
async function refuseStranger(repo: RepoClients, conversationId: string, options: CallOptions): Promise<never> {
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
