import { AppError } from "#proto/errors.ts";
import type { ClientFrame, MessageAckData } from "#proto/frames.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { callOptions, LogicClients } from "../clients.ts";
import { changeRules } from "../http/send.ts";
import type { Answers } from "./answers.ts";
import type { Session } from "./session.ts";

type Frame<T extends ClientFrame["type"]> = Extract<ClientFrame, { type: T }>;

export interface ChangeFramesDeps {
  readonly logic: Pick<LogicClients, "message">;
  readonly answers: Answers;
  /** Throws RATE_LIMITED. */
  pass(session: Session, rules: readonly string[]): Promise<void>;
  callFor(session: Session): ReturnType<typeof callOptions>;
}

/** What logic answers for a change. */
interface Changed {
  readonly message?: Message | undefined;
  readonly changeSeqId: bigint;
  readonly duplicate: boolean;
}

/** The frames that change a message (spec 20 §4): calls of logic, as over HTTP, answered with `message-ack` after the
 *  commit or with `error`. Later frames of the socket wait, so that they act in their order. */
export function createChangeFrames({ logic, answers, pass, callFor }: ChangeFramesDeps) {
  function acknowledge(session: Session, clientMsgId: string, changed: Changed, id: string | undefined): void {
    const { message, changeSeqId, duplicate } = changed;
    if (message === undefined) throw new AppError("INTERNAL_ERROR");
    const data: MessageAckData = {
      client_msg_id: clientMsgId,
      messageId: message.id,
      status: "success",
      conversationId: message.conversationId,
    };
    // Of the change; a change of nothing has none.
    if (changeSeqId !== 0n) data.seqId = Number(changeSeqId);
    if (duplicate) data.duplicate = true;
    answers.send(session, "message-ack", data, id);
  }

  return {
    async recall(session: Session, { data, id }: Frame<"recall-message">): Promise<void> {
      const clientMsgId = data.clientMsgId ?? Bun.randomUUIDv7();
      const request = { operatorId: session.userId, messageId: data.messageId, reason: data.reason, clientMsgId };
      acknowledge(session, clientMsgId, await logic.message.recallMessage(request, callFor(session)), id);
    },

    async react(session: Session, { data, id }: Frame<"react">): Promise<void> {
      const rules = changeRules(session.userId, session.isGuest).map(({ rule }) => rule);
      await pass(session, rules);
      const { messageId, emoji, clientMsgId = Bun.randomUUIDv7() } = data;
      const request = { operatorId: session.userId, messageId, emoji, clientMsgId };
      const call = data.remove ? logic.message.removeReaction : logic.message.addReaction;
      acknowledge(session, clientMsgId, await call(request, callFor(session)), id);
    },
  };
}
