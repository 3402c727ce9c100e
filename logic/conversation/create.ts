import type { CallOptions } from "@connectrpc/connect";
import { singleId } from "#proto/conversation-ids.ts";
import { AppError } from "#proto/errors.ts";
import { type Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { type User, UserStatus } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { CreateConversationRequest } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { CONVERSATION_NAME_CHARS_MAX, DESCRIPTION_CHARS_MAX, isId, textFault } from "#proto/limits.ts";
import { checkAvatarUrl } from "../auth/request.ts";
import type { RepoClients } from "../deps.ts";
import { invalid, requireUserId } from "../rpc/arguments.ts";
import { groupSettings, maxMembersOf, singleSettings } from "./settings.ts";

export interface CreateRules {
  /** Members of a new group, its creator included. */
  readonly groupMembersMax: number;
  /** Hot: read at each call. */
  readonly single: { readonly requireFriend: boolean };
}

export interface Created {
  readonly conversation: Conversation;
  /** False: the single conversation existed. */
  readonly created: boolean;
  /** The creator and everybody else in it. */
  readonly memberIds: readonly string[];
}

/** Creates a single (its id follows from the pair, so a repeat finds the first) or a group. Throws GUEST_FORBIDDEN,
 *  USER_NOT_FOUND, CANNOT_CHAT_SELF, BLOCKED_BY_USER, NOT_FRIENDS, INVALID_CONVERSATION_NAME, CONVERSATION_FULL, INVALID_PARAMETER. */
export async function createConversation(
  repo: RepoClients,
  request: CreateConversationRequest,
  rules: CreateRules,
  options: CallOptions,
): Promise<Created> {
  const creatorId = String(requireUserId(request.creatorId, "creator_id"));
  if (!request.memberIds.every(isId)) throw invalid("member_ids");
  checkTexts(request);
  switch (request.type) {
    case ConversationType.SINGLE:
      return await createSingle(repo, creatorId, request, rules, options);
    case ConversationType.GROUP:
      return await createGroup(repo, creatorId, request, rules, options);
    default:
      throw invalid("type");
  }
}

async function createSingle(
  repo: RepoClients,
  creatorId: string,
  request: CreateConversationRequest,
  { single }: CreateRules,
  options: CallOptions,
): Promise<Created> {
  const [peerId, ...more] = new Set(request.memberIds);
  if (peerId === undefined || more.length > 0) throw invalid("member_ids");
  if (peerId === creatorId) throw new AppError("CANNOT_CHAT_SELF");
  const settings = singleSettings(request.settings);
  await requireAccounts(repo, creatorId, [peerId], options);
  const { blocked, friends } = await relationOf(repo, creatorId, peerId, options);
  if (blocked) throw new AppError("BLOCKED_BY_USER");
  if (single.requireFriend && !friends) throw new AppError("NOT_FRIENDS");
  const { conversation, created } = await repo.conversation.createConversation(
    {
      type: ConversationType.SINGLE,
      ownerId: creatorId,
      memberIds: [peerId],
      conversationId: singleId(BigInt(creatorId), BigInt(peerId)),
      settings,
    },
    options,
  );
  if (conversation === undefined) throw new AppError("INTERNAL_ERROR", { cause: "created without a row" });
  return { conversation, created, memberIds: [creatorId, peerId] };
}

/** `blocked`: the peer has blocked the creator. */
async function relationOf(
  repo: RepoClients,
  creatorId: string,
  peerId: string,
  options: CallOptions,
): Promise<{ readonly blocked: boolean; readonly friends: boolean }> {
  const { relations } = await repo.friendship.areFriends({ userId: creatorId, otherIds: [peerId] }, options);
  return relations[peerId] ?? { blocked: false, friends: false };
}

async function createGroup(
  repo: RepoClients,
  creatorId: string,
  request: CreateConversationRequest,
  rules: CreateRules,
  options: CallOptions,
): Promise<Created> {
  const name = request.name.trim();
  if (name === "" || textFault(name, CONVERSATION_NAME_CHARS_MAX) !== undefined) {
    throw new AppError("INVALID_CONVERSATION_NAME");
  }
  const members = new Set(request.memberIds);
  members.delete(creatorId);
  if (members.size === 0) throw invalid("member_ids");
  const settings = groupSettings(request.settings);
  if (members.size >= (maxMembersOf(settings) ?? rules.groupMembersMax)) throw new AppError("CONVERSATION_FULL");
  const memberIds = [...members];
  await requireAccounts(repo, creatorId, memberIds, options);
  const { avatarUrl, description } = request;
  const { conversation, created } = await repo.conversation.createConversation(
    { type: ConversationType.GROUP, ownerId: creatorId, name, avatarUrl, description, memberIds, settings },
    options,
  );
  if (conversation === undefined) throw new AppError("INTERNAL_ERROR", { cause: "created without a row" });
  return { conversation, created, memberIds: [creatorId, ...memberIds] };
}

/** Everybody exists, and nobody is a guest: guests are in the world only (spec 00 §10). */
async function requireAccounts(
  repo: RepoClients,
  creatorId: string,
  memberIds: readonly string[],
  options: CallOptions,
): Promise<void> {
  const { users } = await repo.user.getUsers({ userIds: [creatorId, ...memberIds] }, options);
  const byId = new Map<string, User>(users.map((user) => [user.id, user]));
  const creator = byId.get(creatorId);
  if (creator === undefined) throw new AppError("USER_NOT_FOUND");
  if (creator.isGuest) throw new AppError("GUEST_FORBIDDEN");
  if (creator.status !== UserStatus.NORMAL) throw new AppError("USER_DISABLED");
  const unknown = memberIds.filter((id) => byId.get(id)?.status !== UserStatus.NORMAL);
  if (unknown.length > 0) throw new AppError("USER_NOT_FOUND", { details: { userIds: unknown } });
  const guests = memberIds.filter((id) => byId.get(id)?.isGuest === true);
  if (guests.length > 0) throw new AppError("GUEST_FORBIDDEN", { details: { userIds: guests } });
}

function checkTexts({ avatarUrl, description }: CreateConversationRequest): void {
  if (textFault(description, DESCRIPTION_CHARS_MAX) !== undefined) throw invalid("description");
  checkAvatarUrl(avatarUrl);
}
