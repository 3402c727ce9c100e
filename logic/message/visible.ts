import type { CallOptions } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { isId } from "#proto/limits.ts";
import { findMember } from "../conversation/access.ts";
import { isVisible } from "../conversation/view.ts";
import type { RepoClients } from "../deps.ts";

/** A row by its id as the user sees it. Of a conversation that he is not in, nothing is told (G7): MESSAGE_NOT_FOUND. */
export async function visibleMessage(
  repo: RepoClients,
  messageId: string,
  userId: string,
  options: CallOptions,
): Promise<Message> {
  if (!isId(messageId)) throw new AppError("MESSAGE_NOT_FOUND");
  const { message } = await repo.message.getMessage({ messageId, viewerId: userId }, options);
  if (message === undefined) throw new AppError("MESSAGE_NOT_FOUND");
  const member = await findMember(repo, message.conversationId, userId, options);
  if (member === undefined || !isVisible(message.seqId, member)) throw new AppError("MESSAGE_NOT_FOUND");
  return message;
}
