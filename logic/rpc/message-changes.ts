import type { ServiceImpl } from "@connectrpc/connect";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { isClientMsgId, isId, REASON_CHARS_MAX, textFault } from "#proto/limits.ts";
import type { ChangeOutcome, Changes } from "../changes.ts";
import type { LogicContext } from "../deps.ts";
import { invalid, requireUserId } from "./arguments.ts";

type Impl = ServiceImpl<typeof MessageService>;

/** Hot: read at each call. */
export interface MessageChangeOptions {
  /** Where the conversation's settings say nothing, ms. */
  readonly recallWindow: number;
}

/** Changes of messages (spec 10 §7). Each decides in repo, under the conversation's lock, by the permission matrix. */
export function messageChangeMethods(
  { repo }: Pick<LogicContext, "repo">,
  changes: Changes,
  options: MessageChangeOptions,
): Pick<Impl, "recallMessage"> {
  const windowSeconds = (): bigint => BigInt(Math.floor(options.recallWindow / 1000));
  return {
    async recallMessage({ operatorId, messageId, reason, clientMsgId }, call) {
      checkChange(operatorId, messageId, clientMsgId);
      if (textFault(reason, REASON_CHARS_MAX) !== undefined) throw invalid("reason");
      const request = { messageId, operatorId, reason, clientMsgId, windowSeconds: windowSeconds() };
      return shown(await changes.run(call, (calls) => repo.message.deleteMessage(request, calls)));
    },
  };
}

function shown({ message, changeSeqId, duplicate }: ChangeOutcome & { message?: Message | undefined }) {
  if (message === undefined) throw new AppError("INTERNAL_ERROR", { cause: "a change without its message" });
  return { message, changeSeqId, duplicate };
}

/** Throws INVALID_PARAMETER; an id that no message can have is MESSAGE_NOT_FOUND. */
export function checkChange(operatorId: string, messageId: string, clientMsgId: string): void {
  requireUserId(operatorId, "operator_id");
  if (!isId(messageId)) throw new AppError("MESSAGE_NOT_FOUND");
  if (clientMsgId !== "" && !isClientMsgId(clientMsgId)) throw invalid("client_msg_id");
}
