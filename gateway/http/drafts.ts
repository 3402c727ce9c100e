import { z } from "zod";
import type { Draft } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { CONTENT_BYTES_MAX, CONTENT_CHARS_MAX } from "#proto/limits.ts";
import type { DraftJson } from "#proto/objects.ts";
import { id, seconds, text } from "#proto/schemas/fields.ts";
import { draft } from "#proto/schemas/objects.ts";
import { type ApiDeps, callerOptions } from "./context.ts";
import { aliased, type Endpoints, endpoint, ok } from "./endpoint.ts";
import type { Handlers } from "./mount.ts";
import { required } from "./objects.ts";
import { pageAliases, pageFields, seqText } from "./validate.ts";

const sessionId = z
  .uuid()
  .describe("The caller's own socket, `sessionId` of its `connected` frame: it gets no `draft-updated`")
  .optional();

/** Texts begun and not sent, the same on all devices of a user (docs/adr/0043). The list comes before any path with an id. */
export const draftEndpoints = {
  listDrafts: endpoint({
    method: "get",
    path: "/conversations/drafts",
    summary: "The caller's drafts, newest first",
    description:
      "With `last_sync`: what changed since, oldest change first, those that were sent or removed too, with empty " +
      "`content`. The conversation list does not carry drafts.",
    auth: "user",
    query: aliased(
      z.object({
        ...pageFields,
        last_sync: seqText.describe("Unix seconds: `serverTime` of the answer before").optional(),
      }),
      pageAliases,
    ),
    answers: {
      200: z.object({
        drafts: z.array(draft),
        hasMore: z.boolean(),
        serverTime: seconds,
      }),
    },
  }),
  setDraft: endpoint({
    method: "put",
    path: "/conversations/{conversationId}/draft",
    summary: "Keep a text that is not sent yet, for all devices of the caller",
    description:
      "The last write wins; its `version` says which that was. Blank content removes. The caller's other sockets get " +
      "`draft-updated`.",
    auth: "user",
    limit: "draft",
    body: z.object({
      content: text(CONTENT_CHARS_MAX, CONTENT_BYTES_MAX),
      replyToMessageId: id.optional(),
      sessionId,
    }),
    answers: { 200: draft },
    errors: ["NOT_CONVERSATION_MEMBER", "CONVERSATION_DISSOLVED"],
  }),
  removeDraft: endpoint({
    method: "delete",
    path: "/conversations/{conversationId}/draft",
    summary: "Remove a draft; one that is not there, too",
    auth: "user",
    limit: "draft",
    query: z.object({ sessionId }),
    answers: { 200: draft },
    errors: ["NOT_CONVERSATION_MEMBER"],
  }),
} satisfies Endpoints;

export function draftHandlers(deps: ApiDeps): Handlers<typeof draftEndpoints> {
  const { conversation } = deps.logic;
  return {
    async listDrafts(c, { query: { page, size, last_sync: lastSync } }) {
      const { userId } = c.identity;
      const request = { userId, page, pageSize: size, lastSyncTime: BigInt(lastSync ?? 0) };
      const answer = await conversation.listDrafts(request, callerOptions(c, deps));
      return ok({
        drafts: answer.drafts.map(draftToJson),
        hasMore: answer.hasMore,
        serverTime: Number(answer.serverTime),
      });
    },

    async setDraft(c, { params: { conversationId }, body: { content, replyToMessageId = "", sessionId = "" } }) {
      const { userId } = c.identity;
      const request = { userId, conversationId, content, replyToMessageId, socketSessionId: sessionId };
      const answer = await conversation.setDraft(request, callerOptions(c, deps));
      return ok(draftToJson(required(answer.draft)), "Kept");
    },

    async removeDraft(c, { params: { conversationId }, query: { sessionId = "" } }) {
      const { userId } = c.identity;
      const request = { userId, conversationId, content: "", socketSessionId: sessionId };
      const answer = await conversation.setDraft(request, callerOptions(c, deps));
      return ok(draftToJson(required(answer.draft)), "Removed");
    },
  };
}

function draftToJson({ conversationId, content, replyToMessageId, updatedAt, version }: Draft): DraftJson {
  const json: DraftJson = { conversationId, content, updatedAt: Number(updatedAt), version: Number(version) };
  if (replyToMessageId !== "") json.replyToMessageId = replyToMessageId;
  return json;
}
