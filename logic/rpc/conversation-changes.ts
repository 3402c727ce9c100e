import type { CallOptions, HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import { type Conversation, ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Announcement, ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import type { Announcement as AnnouncementRow } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import {
  ANNOUNCEMENT_CHARS_MAX,
  CONVERSATION_NAME_CHARS_MAX,
  DESCRIPTION_CHARS_MAX,
  REASON_CHARS_MAX,
  SEQ_MAX,
  textFault,
} from "#proto/limits.ts";
import { checkAvatarUrl } from "../auth/request.ts";
import type { Changes } from "../changes.ts";
import { requireConversation, requireMember } from "../conversation/access.ts";
import { groupSettings, isReadShown } from "../conversation/settings.ts";
import { viewOf } from "../conversation/view.ts";
import type { LogicContext, RepoClients } from "../deps.ts";
import type { Signals } from "../signals.ts";
import { invalid, optionsOf, requireConversationId, requireUserId } from "./arguments.ts";
import { checkConversationChange } from "./members.ts";

type Impl = ServiceImpl<typeof ConversationService>;
type Of<M extends keyof Impl> = Pick<Impl, M>;
type Deps = Pick<LogicContext, "repo"> & { readonly signals: Signals };

/** What a conversation says of itself, and what each member decides for himself (spec 10 §5, §9). */
export function conversationChangeMethods(deps: Deps, changes: Changes) {
  return { ...infoMethods(deps, changes), ...announcementMethods(deps, changes), ...personalMethods(deps) };
}

async function shown(
  repo: RepoClients,
  conversationId: string,
  userId: string,
  options: CallOptions,
): Promise<Conversation> {
  const [conversation, member] = await Promise.all([
    requireConversation(repo, conversationId, options),
    requireMember(repo, conversationId, userId, options),
  ]);
  return await viewOf(repo, conversation, member, options);
}

const fieldsOf = ["name", "avatar_url", "description", "settings"];

function infoMethods({ repo, signals }: Deps, changes: Changes): Of<"updateConversation" | "deleteConversation"> {
  async function hide(userId: string, conversationId: string, call: HandlerContext): Promise<void> {
    const request = { conversationId, userId, updateMask: ["hidden_before_seq"] };
    await repo.conversation.updateMember(request, optionsOf(call));
    signals.send([userId], "conversation-updated", { conversationId, changed: ["hidden"] });
  }

  return {
    async updateConversation(request, call) {
      const { userId, conversationId, updateMask, version, clientMsgId } = request;
      checkConversationChange(userId, conversationId, clientMsgId);
      const given: Readonly<Record<string, string>> = {
        name: request.name,
        avatar_url: request.avatarUrl,
        description: request.description,
        settings: request.settings,
      };
      // An empty mask means all fields that are not empty.
      const mask = updateMask.length > 0 ? updateMask : fieldsOf.filter((field) => given[field] !== "");
      const unknown = mask.find((field) => !fieldsOf.includes(field));
      if (unknown !== undefined || mask.length === 0) throw invalid("update_mask");
      const name = request.name.trim();
      if (mask.includes("name") && (name === "" || textFault(name, CONVERSATION_NAME_CHARS_MAX) !== undefined)) {
        throw new AppError("INVALID_CONVERSATION_NAME");
      }
      const { avatarUrl, description } = request;
      if (textFault(description, DESCRIPTION_CHARS_MAX) !== undefined) throw invalid("description");
      checkAvatarUrl(avatarUrl);
      const settings = mask.includes("settings") ? groupSettings(request.settings) : "";
      const info = { name, avatarUrl, description, settings, updateMask: mask, expectedVersion: version };
      const fields = { conversationId, operatorId: userId, clientMsgId, ...info };
      await changes.run(call, (calls) => repo.conversation.updateConversation(fields, calls));
      return { conversation: await shown(repo, conversationId, userId, optionsOf(call)) };
    },

    async deleteConversation({ userId, conversationId, reason, clientMsgId }, call) {
      checkConversationChange(userId, conversationId, clientMsgId);
      if (textFault(reason, REASON_CHARS_MAX) !== undefined) throw invalid("reason");
      const { type } = await requireConversation(repo, conversationId, optionsOf(call));
      if (type === ConversationType.SINGLE) await hide(userId, conversationId, call);
      else {
        const fields = { conversationId, operatorId: userId, reason, clientMsgId };
        await changes.run(call, (calls) => repo.conversation.dissolveConversation(fields, calls));
      }
      return { success: true };
    },
  };
}

function announcementMethods({ repo }: Deps, changes: Changes): Of<"getAnnouncement" | "setAnnouncement"> {
  return {
    async getAnnouncement({ userId, conversationId }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      const calls = optionsOf(call);
      await requireMember(repo, conversationId, userId, calls);
      return announcementOf((await repo.conversation.getAnnouncement({ conversationId }, calls)).announcement);
    },

    async setAnnouncement({ userId, conversationId, content, pinned, version, clientMsgId }, call) {
      checkConversationChange(userId, conversationId, clientMsgId);
      if (textFault(content, ANNOUNCEMENT_CHARS_MAX) !== undefined) throw invalid("content");
      const fields = { conversationId, operatorId: userId, content, pinned, expectedVersion: version, clientMsgId };
      return announcementOf(
        (await changes.run(call, (calls) => repo.conversation.setAnnouncement(fields, calls))).announcement,
      );
    },
  };
}

/** As a part of an answer. */
export function announcementOf(row: AnnouncementRow | undefined): { announcement?: Announcement } {
  return row === undefined ? {} : { announcement: { ...row, $typeName: "gochat.logic.v1.Announcement" } };
}

function personalMethods({ repo, signals }: Deps): Of<"updateMySettings" | "getReaders"> {
  return {
    async updateMySettings({ userId, conversationId, pinned, notifyMuted, updateMask }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      const known = ["pinned", "notify_muted"];
      if (updateMask.some((field) => !known.includes(field))) throw invalid("update_mask");
      const mask = updateMask.map((field) => (field === "pinned" ? "pinned_at" : field));
      const fields = { conversationId, userId, pinnedAt: pinned ? 1n : 0n, notifyMuted, updateMask: mask };
      const { member } = await repo.conversation.updateMember(fields, optionsOf(call));
      if (member === undefined) return {};
      const conversation = { pinned: member.pinnedAt !== 0n, notifyMuted: member.notifyMuted };
      signals.send([userId], "conversation-updated", {
        conversationId,
        changed: Object.keys(conversation),
        conversation,
      });
      return { member };
    },

    /** Of a single conversation or a listed group: who has read up to `seq_id`, and who has not. The caller alone where a
     *  single conversation shows nothing of it. */
    async getReaders({ userId, conversationId, seqId }, call) {
      requireUserId(userId);
      requireConversationId(conversationId);
      if (seqId < 0n || seqId > BigInt(SEQ_MAX)) throw invalid("seq_id");
      const calls = optionsOf(call);
      await requireMember(repo, conversationId, userId, calls);
      const { isRoom, type, settings } = await requireConversation(repo, conversationId, calls);
      if (isRoom || type === ConversationType.WORLD) throw new AppError("OPERATION_NOT_SUPPORTED");
      const shown = type !== ConversationType.SINGLE || isReadShown(settings);
      const answer = await repo.conversation.listReadPointers({ conversationId }, calls);
      const pointers = shown ? answer.pointers : answer.pointers.filter((pointer) => pointer.userId === userId);
      const readers = pointers
        .filter(({ lastReadSeqId }) => lastReadSeqId >= seqId)
        .map(({ userId: id, lastReadSeqId }) => ({ userId: id, lastReadSeqId }));
      const unread = pointers.filter(({ lastReadSeqId }) => lastReadSeqId < seqId);
      return { readers, unreadUserIds: unread.map(({ userId: id }) => id) };
    },
  };
}
