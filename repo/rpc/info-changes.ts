import type { ServiceImpl } from "@connectrpc/connect";
import { eq } from "drizzle-orm";
import { AppError } from "#proto/errors.ts";
import type { Conversation } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import type { Announcement, ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import {
  ANNOUNCEMENT_CHARS_MAX,
  AVATAR_URL_CHARS_MAX,
  CONVERSATION_NAME_CHARS_MAX,
  DESCRIPTION_CHARS_MAX,
  REASON_CHARS_MAX,
} from "#proto/limits.ts";
import { createChanger } from "../change.ts";
import { changeRowsOf } from "../change-rows.ts";
import { announce, dissolve, type Info, updateInfo } from "../changes/info.ts";
import type { RepoContext } from "../context.ts";
import type { RouteFinder } from "../routes.ts";
import type { ConversationStore } from "../store/conversation.ts";
import { seconds } from "../store/message-row.ts";
import { checkText, invalid } from "./arguments.ts";
import type { Present } from "./conversation-list.ts";
import { keyOf } from "./member-changes.ts";

type Impl = ServiceImpl<typeof ConversationService>;

/** Characters of the settings as JSON. */
const settingsCharsMax = 8192;

/** Changes of what a conversation says of itself. Errors: as the bodies of `repo/changes/info.ts`. */
export function infoChangeMethods(
  context: RepoContext,
  routes: RouteFinder,
  store: ConversationStore,
  present: Present,
): Pick<Impl, "updateConversation" | "dissolveConversation" | "setAnnouncement" | "getAnnouncement"> {
  const { db, tables, ids } = context;
  const changer = createChanger(context);

  async function shown(conversationId: string): Promise<Conversation> {
    const [conversation] = await present(await store.byIds([conversationId]));
    if (conversation === undefined) throw new AppError("CONVERSATION_NOT_FOUND");
    return conversation;
  }

  async function announced(conversationId: string): Promise<Announcement | undefined> {
    const { announcements: a } = tables;
    const [row] = await db.q.select().from(a).where(eq(a.conversationId, conversationId));
    if (row === undefined) return undefined;
    const { content, pinned, version } = row;
    return {
      $typeName: "gochat.repo.v1.Announcement",
      ...{ id: row.id.toString(), conversationId, authorId: row.authorId.toString(), content, pinned, version },
      createdAt: seconds(row.createdAt),
      updatedAt: seconds(row.updatedAt),
    };
  }

  return {
    async updateConversation(request) {
      const info = infoOf(request);
      const key = keyOf(request, "info", JSON.stringify(info));
      const changed = await changer.run(key, updateInfo(info, request.expectedVersion));
      const changes = await changeRowsOf(context, routes, changed);
      return { conversation: await shown(request.conversationId), changes };
    },

    async dissolveConversation(request) {
      checkText(request.reason, "reason", REASON_CHARS_MAX);
      const changed = await changer.run(keyOf(request, "dissolve", request.reason), dissolve(request.reason));
      const changes = await changeRowsOf(context, routes, changed);
      return { conversation: await shown(request.conversationId), changes };
    },

    async setAnnouncement(request) {
      const { conversationId, content, pinned, expectedVersion } = request;
      checkText(content, "content", ANNOUNCEMENT_CHARS_MAX);
      const key = keyOf(request, "announce", content, String(pinned));
      const body = announce(tables, { id: ids.snowflake(), content, pinned, expectedVersion });
      const changes = await changeRowsOf(context, routes, await changer.run(key, body));
      const announcement = await announced(conversationId);
      return announcement === undefined ? { changes } : { announcement, changes };
    },

    async getAnnouncement({ conversationId }) {
      const announcement = await announced(conversationId);
      return announcement === undefined ? {} : { announcement };
    },
  };
}

interface InfoFields {
  readonly name: string;
  readonly avatarUrl: string;
  readonly description: string;
  readonly settings: string;
  readonly updateMask: readonly string[];
}

function infoOf({ name, avatarUrl, description, settings, updateMask: mask }: InfoFields): Info {
  checkText(name, "name", CONVERSATION_NAME_CHARS_MAX);
  if (mask.includes("name") && name === "") throw new AppError("INVALID_CONVERSATION_NAME");
  checkText(avatarUrl, "avatar_url", AVATAR_URL_CHARS_MAX);
  checkText(description, "description", DESCRIPTION_CHARS_MAX);
  checkText(settings, "settings", settingsCharsMax);
  if (mask.includes("settings") && !settings.startsWith("{")) throw invalid("settings");
  return {
    ...(mask.includes("name") ? { name } : {}),
    ...(mask.includes("avatar_url") ? { avatarUrl } : {}),
    ...(mask.includes("description") ? { description } : {}),
    ...(mask.includes("settings") ? { settings } : {}),
  };
}
