import { create } from "@bufbuild/protobuf";
import type { Logger } from "#infra/clog/clog.ts";
import { type Mq, type OutRecord, outRecord } from "#infra/mq/mq.ts";
import { uuidv7 } from "#infra/uid/uid.ts";
import type { Conversation } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { ConversationEventSchema } from "#proto/gen/gochat/mq/v1/conversation_event_pb.ts";
import { MessageEventSchema } from "#proto/gen/gochat/mq/v1/message_event_pb.ts";
import { topics } from "#proto/topics.ts";

/** Events that are on their way to the log; beyond it they are dropped and counted, like every event that the log does
 *  not take: what they announce is stored, and its receivers find it by the next sync. */
const pendingMax = 10_000;

export interface EventsDeps {
  readonly mq: Pick<Mq, "send">;
  readonly clog: Logger;
  readonly clock: () => number;
}

/** Tells what happened to conversations. Never waits for the log and never throws: the calls are answered already. */
export interface ConversationEvents {
  created(conversation: Conversation, creatorId: string, memberIds: readonly string[]): void;
  /** The pointer moved from `fromSeq` (exclusive) to `toSeq`. */
  read(conversationId: string, userId: string, fromSeq: bigint, toSeq: bigint): void;
  drain(): Promise<void>;
}

export function createConversationEvents(deps: EventsDeps): ConversationEvents {
  const pending = new Set<Promise<void>>();

  async function send(record: OutRecord): Promise<void> {
    try {
      await deps.mq.send([record]);
    } catch (error) {
      deps.clog.warn("event was not taken by the log", { topic: record.topic.name, err: error });
    }
  }

  function announce(record: OutRecord): void {
    if (pending.size >= pendingMax) {
      deps.clog.warn("event dropped, too many wait", { topic: record.topic.name });
      return;
    }
    const sending = send(record).finally(() => pending.delete(sending));
    pending.add(sending);
  }

  return {
    created({ id, type, name }, creatorId, memberIds) {
      const event = create(ConversationEventSchema, {
        eventId: uuidv7(),
        eventType: "conversation.created",
        timestampMs: BigInt(deps.clock()),
        conversationId: id,
        operatorId: BigInt(creatorId),
        payload: { case: "created", value: { type, name, memberIds: memberIds.map(BigInt) } },
      });
      announce(outRecord(topics.conversationEvents, id, event));
    },
    read(conversationId, userId, fromSeq, toSeq) {
      const event = create(MessageEventSchema, {
        eventId: uuidv7(),
        eventType: "message.read",
        timestampMs: BigInt(deps.clock()),
        conversationId,
        operatorId: BigInt(userId),
        payload: { case: "read", value: { fromSeq, seqId: toSeq } },
      });
      announce(outRecord(topics.messageEvents, conversationId, event));
    },
    async drain() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}
