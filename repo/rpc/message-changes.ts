import type { ServiceImpl } from "@connectrpc/connect";
import type { Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import type { ChangeRows } from "#proto/gen/gochat/repo/v1/routes_pb.ts";
import {
  CONTENT_BYTES_MAX,
  CONTENT_CHARS_MAX,
  isClientMsgId,
  isEmoji,
  REASON_CHARS_MAX,
  textFault,
} from "#proto/limits.ts";
import { changeHash, createChanger } from "../change.ts";
import { changeRowsOf } from "../change-rows.ts";
import type { ChangeScope } from "../change-scope.ts";
import { edit } from "../changes/edit.ts";
import { react } from "../changes/reaction.ts";
import { recall } from "../changes/recall.ts";
import type { RepoContext } from "../context.ts";
import type { RouteFinder } from "../routes.ts";
import { createMessageStore } from "../store/message.ts";
import { checkText, idOf, invalid } from "./arguments.ts";

/** What every change of a message says of itself. */
export interface MessageChange {
  readonly messageId: bigint;
  readonly operatorId: bigint;
  readonly clientMsgId: string;
  /** The operation and its arguments beside the message. */
  readonly operation: readonly [string, ...string[]];
}

export interface ChangedMessage {
  /** As the operator sees it after the change. */
  readonly message: Message;
  readonly changes: ChangeRows;
}

/** Changes of messages: each is a body of `repo/changes/` run by `Changer`. Answers the message as it is now and the rows
 *  to push. Throws MESSAGE_NOT_FOUND beside what `Changer` and the body throw. */
export function createMessageChanges(context: RepoContext, routes: RouteFinder) {
  const changer = createChanger(context);
  const store = createMessageStore(context);

  return async function change(
    { messageId, operatorId, clientMsgId, operation }: MessageChange,
    body: (scope: ChangeScope) => Steps<void>,
  ): Promise<ChangedMessage> {
    const [name, ...args] = operation;
    const conversationId = (await store.find(messageId))?.conversationId;
    if (conversationId === undefined) throw new AppError("MESSAGE_NOT_FOUND");
    const hash = changeHash(name, messageId.toString(), ...args);
    const changed = await changer.run({ conversationId, operatorId, clientMsgId, hash }, body);
    const [message] = await store.byIds([messageId], operatorId);
    if (message === undefined) throw new AppError("MESSAGE_NOT_FOUND");
    return { message, changes: await changeRowsOf(context, routes, changed, message) };
  };
}

/** A client's id for a change; empty when it gave none. Throws INVALID_PARAMETER. */
export function clientMsgIdOf(text: string): string {
  if (text !== "" && !isClientMsgId(text)) throw invalid("client_msg_id");
  return text;
}

type Impl = ServiceImpl<typeof MessageService>;

/** The `+rows` methods of gochat.repo.v1.MessageService. */
export function messageChangeMethods(
  context: RepoContext,
  routes: RouteFinder,
): Pick<Impl, "deleteMessage" | "updateMessageContent" | "setReaction"> {
  const change = createMessageChanges(context, routes);
  const { tables } = context;
  return {
    async deleteMessage(request) {
      checkText(request.reason, "reason", REASON_CHARS_MAX);
      const messageId = idOf(request.messageId, "message_id");
      const operatorId = idOf(request.operatorId, "operator_id");
      const clientMsgId = clientMsgIdOf(request.clientMsgId);
      const body = recall(context, messageId, request.reason, Number(request.windowSeconds));
      const operation = ["recall", request.reason] as const;
      return { success: true, ...(await change({ messageId, operatorId, clientMsgId, operation }, body)) };
    },

    async updateMessageContent(request) {
      const { content, contentAsSent } = request;
      if (textFault(content, CONTENT_CHARS_MAX, CONTENT_BYTES_MAX) !== undefined) throw invalid("content");
      const messageId = idOf(request.messageId, "message_id");
      const operatorId = idOf(request.operatorId, "operator_id");
      const clientMsgId = clientMsgIdOf(request.clientMsgId);
      const windowSeconds = Number(request.windowSeconds);
      const body = edit({ messageId, content, windowSeconds, expectedVersion: Number(request.expectedVersion) });
      const operation = ["edit", contentAsSent === "" ? content : contentAsSent] as const;
      return await change({ messageId, operatorId, clientMsgId, operation }, body);
    },

    async setReaction(request) {
      const { emoji, removed } = request;
      if (!isEmoji(emoji)) throw invalid("emoji");
      const messageId = idOf(request.messageId, "message_id");
      const operatorId = idOf(request.userId, "user_id");
      const clientMsgId = clientMsgIdOf(request.clientMsgId);
      const operation = [removed ? "unreact" : "react", emoji] as const;
      return await change(
        { messageId, operatorId, clientMsgId, operation },
        react(tables, { messageId, emoji, removed }),
      );
    },
  };
}
