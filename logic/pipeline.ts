import { traceHeaders, withSpan } from "#infra/trace/trace.ts";
import { AppError, type ErrorName, isErrorName } from "#proto/errors.ts";
import type { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import {
  type CommitItem,
  type CommitMessagesRequest,
  type CommitMessagesResponse,
  type CommitResult,
  CommitStatus,
} from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { type Committed, createDelivery, type DeliveredChange } from "./delivery.ts";
import type { LogicContext } from "./deps.ts";
import { checkSend, type SendRules } from "./message/checks.ts";
import type { ContentFilter } from "./message/filter.ts";
import { openOutcome, parkedOutcome, type SendOutcome } from "./message/outcome.ts";
import { sendHash } from "./message/send-hash.ts";
import { createSendMetrics, type Entrance } from "./metrics.ts";
import type { OutboxDeletes } from "./outbox-deletes.ts";

export interface PipelineOptions {
  readonly rules: SendRules;
  readonly filter?: ContentFilter | undefined;
}

export interface PipelineDeps extends LogicContext {
  readonly outboxDeletes: OutboxDeletes;
  /** Tells of a send that was refused; never throws. */
  sendFailed(send: UpstreamMessage, code: ErrorName): void;
}

/** The one path of both entrances (DESIGN §2): check, commit, address, produce. */
export interface Pipeline {
  /** Commits at most 500 sends, 512 KiB; one outcome per send, in their order. THE COMMIT POINT lies within this call.
   *  Rejects when the outcome of the whole batch is open (repo away, no ids): nobody may be answered then. `parent`:
   *  the trace that is told of the batch. */
  commit(sends: readonly UpstreamMessage[], entrance: Entrance, parent?: string): Promise<Committed>;
  /** Acks, pushes and feeds what was committed; resolves when the log holds all of it, and hands the outbox rows over to
   *  be deleted. Records of one topic partition keep the order of these calls. Rejects when the log is away or full:
   *  the outbox rows stay. */
  deliver(committed: Committed): Promise<void>;
  /** The same for the rows of a change. */
  deliverChange(change: DeliveredChange): Promise<void>;
}

export function createPipeline(options: PipelineOptions, deps: PipelineDeps): Pipeline {
  const metrics = { ws: createSendMetrics(deps.metrics, "ws"), api: createSendMetrics(deps.metrics, "api") } as const;

  function outcomeOf(send: UpstreamMessage, result: CommitResult, entrance: Entrance): SendOutcome {
    switch (result.status) {
      case CommitStatus.STORED:
      case CommitStatus.DUPLICATE: {
        if (result.row === undefined)
          throw new AppError("INTERNAL_ERROR", { cause: "a stored message without its row" });
        const duplicate = result.status === CommitStatus.DUPLICATE;
        if (duplicate) metrics[entrance].duplicates.inc();
        else metrics[entrance].stored(send.messageType);
        return { at: "stored", row: result.row, createdAtMs: result.createdAtMs, duplicate };
      }
      case CommitStatus.REJECTED: {
        const code = isErrorName(result.errorCode) ? result.errorCode : "INTERNAL_ERROR";
        metrics[entrance].rejected(code);
        deps.sendFailed(send, code);
        const message = result.errorMessage === "" ? undefined : result.errorMessage;
        if (code !== "USER_MUTED") return { at: "rejected", code, message };
        return { at: "rejected", code, message, details: { mutedUntil: Number(result.mutedUntil) } };
      }
      case CommitStatus.PARKED:
        return parkedOutcome;
      default:
        return openOutcome;
    }
  }

  /** The item to commit, or the decision that there is none. */
  function itemOf(send: UpstreamMessage, entrance: Entrance): CommitItem | SendOutcome {
    const broken = checkSend(send, options.rules);
    if (broken !== undefined) return { at: "rejected", code: broken, message: undefined };
    const content = options.filter === undefined ? send.content : options.filter(send.content);
    if (content === undefined) return { at: "rejected", code: "CONTENT_REJECTED", message: undefined };
    // A literal: `create` would cost as much as the rest of this function.
    return {
      $typeName: "gochat.repo.v1.CommitItem",
      messageId: String(deps.ids.snowflake()),
      conversationId: send.conversationId,
      senderId: String(send.userId),
      type: send.messageType as MessageType,
      content,
      clientMsgId: send.clientMsgId,
      sendHash: sendHash(send),
      extra: send.extra,
      meta: metaOf(send),
      replyToMessageId: send.replyToMessageId === 0n ? "" : String(send.replyToMessageId),
      mentions: send.mentions.length === 0 ? [] : send.mentions.map(String),
      fileIds: [],
      createdAtMs: BigInt(deps.clock()),
      origin: entrance === "ws" ? "upstream" : "call",
    };
  }

  async function commitItems(
    items: CommitItem[],
    entrance: Entrance,
    parent: string | undefined,
  ): Promise<CommitMessagesResponse> {
    const startMs = performance.now();
    const settledOutboxIds = deps.outboxDeletes.take();
    // A whole message: the client would look through all items of anything else.
    const request: CommitMessagesRequest = {
      $typeName: "gochat.repo.v1.CommitMessagesRequest",
      items,
      settledOutboxIds,
    };
    let settled = false;
    let answer: CommitMessagesResponse;
    try {
      answer =
        parent === undefined
          ? await deps.repo.message.commitMessages(request)
          : await withSpan(deps.tracer, "logic.commit", parent, (inner) =>
              deps.repo.message.commitMessages(request, { headers: { ...traceHeaders(inner) } }),
            );
      settled = answer.outboxSettled;
    } finally {
      if (!settled) deps.outboxDeletes.add(settledOutboxIds);
    }
    metrics[entrance].commitSeconds.observe((performance.now() - startMs) / 1000);
    metrics[entrance].batchMessages.observe(items.length);
    metrics[entrance].batchBytes.observe(items.reduce((sum, item) => sum + bytesOf(item), 0));
    if (answer.results.length !== items.length) {
      throw new AppError("INTERNAL_ERROR", { cause: `${answer.results.length} results for ${items.length} messages` });
    }
    return answer;
  }

  const delivery = createDelivery(deps);
  return {
    async commit(sends, entrance, parent) {
      const outcomes: SendOutcome[] = [];
      const items: CommitItem[] = [];
      // Where in `outcomes` the answer of each item belongs.
      const places: number[] = [];
      for (const [place, send] of sends.entries()) {
        const item = itemOf(send, entrance);
        if ("at" in item) {
          if (item.at === "rejected") {
            metrics[entrance].rejected(item.code);
            deps.sendFailed(send, item.code);
          }
          outcomes.push(item);
          continue;
        }
        outcomes.push(openOutcome);
        items.push(item);
        places.push(place);
      }
      if (items.length === 0) return { entrance, sends, outcomes, answer: undefined, parent };
      const answer = await commitItems(items, entrance, parent);
      for (const [index, result] of answer.results.entries()) {
        const place = places[index];
        const send = place === undefined ? undefined : sends[place];
        if (place !== undefined && send !== undefined) outcomes[place] = outcomeOf(send, result, entrance);
      }
      return { entrance, sends, outcomes, answer, parent };
    },
    deliver: (committed) => delivery.deliver(committed),
    deliverChange: (change) => delivery.deliverChange(change),
  };
}

function bytesOf({ content, extra }: CommitItem): number {
  return Buffer.byteLength(content) + Buffer.byteLength(extra);
}

/** What the server itself knows of the message. */
function metaOf({ forwardedFrom }: UpstreamMessage): string {
  if (forwardedFrom === undefined) return "";
  const { messageId, conversationId, senderId } = forwardedFrom;
  return JSON.stringify({ forwardedFrom: { messageId, conversationId, senderId } });
}
