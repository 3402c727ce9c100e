import { z } from "zod";
import {
  CLIENT_MSG_ID_CHARS_MAX,
  CONTENT_BYTES_MAX,
  CONTENT_CHARS_MAX,
  EMOJI_BYTES_MAX,
  EXTRA_BYTES_MAX,
  isClientMsgId,
  isEmoji,
  isExtra,
  MENTIONS_MAX,
  REASON_CHARS_MAX,
  SYNC_CONVERSATIONS_MAX,
  TOKEN_CHARS_MAX,
  textFault,
} from "../limits.ts";
import { conversationId, filledText, id, seq, text } from "./fields.ts";

/** `data` of the frames that clients send, by type (spec 20 §4). What runs for every frame is written by hand in
 *  `client-frame.ts`; a test holds that it takes what these take. */
const clientMsgId = z
  .string()
  .refine(isClientMsgId, "is not 1 to 64 printable ASCII characters")
  .meta({ pattern: `^[ -~]{1,${CLIENT_MSG_ID_CHARS_MAX}}$` });
const typing = z.object({ conversationId });

export const clientFrames = {
  "send-message": z.object({
    conversationId,
    content: filledText(CONTENT_CHARS_MAX, CONTENT_BYTES_MAX),
    messageType: z.literal([1, 2, 3, 5, 6]).describe("1 text, 2 image, 3 file, 5 voice, 6 video"),
    client_msg_id: clientMsgId.describe("Missing: such a send cannot be repeated safely").optional(),
    extra: z
      .string()
      .refine(isExtra, "is not JSON")
      .meta({ maxLength: EXTRA_BYTES_MAX, contentMediaType: "application/json" })
      .optional(),
    replyToMessageId: id.optional(),
    mentions: z.array(id).max(MENTIONS_MAX).optional(),
  }),
  "mark-read": z.object({ conversationId, seqId: seq }),
  ping: null,
  typing,
  "stop-typing": typing,
  "recall-message": z.object({
    messageId: id,
    reason: text(REASON_CHARS_MAX).optional(),
    client_msg_id: clientMsgId.optional(),
  }),
  react: z.object({
    messageId: id,
    emoji: z.string().refine(isEmoji, "is not 1 to 32 bytes").meta({ minLength: 1, maxLength: EMOJI_BYTES_MAX }),
    remove: z.boolean().optional(),
    client_msg_id: clientMsgId.optional(),
  }),
  sync: z.object({
    conversations: z.array(z.object({ id: conversationId, afterSeq: seq.optional() })).max(SYNC_CONVERSATIONS_MAX),
    limit: z.int().min(1).describe("Rows per conversation; more than 100 counts as 100").optional(),
  }),
  presence: z.object({ state: z.enum(["active", "background"]) }),
  "refresh-auth": z.object({
    token: z
      .string()
      .refine((token) => token !== "" && textFault(token, TOKEN_CHARS_MAX) === undefined, "is no token")
      .meta({ minLength: 1, maxLength: TOKEN_CHARS_MAX }),
  }),
} as const satisfies Readonly<Record<string, z.ZodType | null>>;

/** The direct answers to a client frame; `error` is one to any. */
export const directAnswers: Readonly<Partial<Record<keyof typeof clientFrames, string>>> = {
  "send-message": "message-ack",
  "mark-read": "read-ack",
  ping: "pong",
  "recall-message": "message-ack",
  react: "message-ack",
  sync: "sync-result",
  "refresh-auth": "auth-refreshed",
};
