import type { Logger } from "#infra/clog/clog.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import { COMMIT_BYTES_MAX, COMMIT_ITEMS_MAX } from "#proto/limits.ts";
import { topics } from "#proto/topics.ts";
import { createBatcher } from "./batcher.ts";
import type { Committed } from "./delivery.ts";
import type { SendOutcome } from "./message/outcome.ts";
import type { Pipeline } from "./pipeline.ts";

/** Batches of calls whose produces have not ended; the next commit waits for one of them. */
const deliveriesMax = 16;

export interface CallsOptions {
  /** Sends that may wait for the batch in flight; more are refused with 503. */
  readonly waitingMax: number;
  readonly waitingBytesMax: number;
}

export interface CallsDeps {
  readonly pipeline: Pipeline;
  readonly clog: Logger;
  readonly metrics: Metrics;
}

/** The entrance of HTTP, Connect and gRPC-Web sends. */
export interface Calls {
  /** Joins the next batch and resolves after its commit; pushing goes on under supervision, and the outbox owes it.
   *  Rejects with the rule that refused the send, or with SERVICE_UNAVAILABLE when its outcome is open. */
  send(send: UpstreamMessage, parent?: string): Promise<{ readonly row: Message; readonly duplicate: boolean }>;
  /** Refuses new sends, then resolves when all that were taken are answered and their produces have ended. */
  drain(): Promise<void>;
}

interface Taken {
  readonly send: UpstreamMessage;
  /** Of a sampled trace. */
  readonly parent: string | undefined;
}

type Stored = { readonly row: Message; readonly duplicate: boolean };

export function createCalls(options: CallsOptions, deps: CallsDeps): Calls {
  const deliveries = new Set<Promise<void>>();
  const left = deps.metrics.counter("gochat_outbox_left_total", "Batches of calls left to the outbox sweeper").with({});

  async function deliver(committed: Committed): Promise<void> {
    try {
      await deps.pipeline.deliver(committed);
    } catch (error) {
      left.inc();
      const trace = committed.sends[0]?.traceId;
      deps.clog.warn("produces failed after the commit, left to the outbox", { trace_id: trace, err: error });
    }
  }

  const batcher = createBatcher<Taken, Stored>(
    { messagesMax: COMMIT_ITEMS_MAX, bytesMax: COMMIT_BYTES_MAX, ...options },
    {
      refuse: (reason) =>
        new AppError("SERVICE_UNAVAILABLE", { cause: reason === "full" ? "too many sends wait" : "draining" }),
      async flush(taken) {
        if (deliveries.size >= deliveriesMax) await Promise.race(deliveries);
        const committed = await deps.pipeline.commit(
          taken.map(({ send }) => send),
          "api",
          taken.find(({ parent }) => parent !== undefined)?.parent,
        );
        const delivery = deliver(committed).finally(() => deliveries.delete(delivery));
        deliveries.add(delivery);
        return committed.outcomes.map(resultOf);
      },
    },
  );

  return {
    send: (send, parent) => batcher.add({ send, parent }, topics.upstream.codec.sizeOf(send)),
    async drain() {
      await batcher.close();
      while (deliveries.size > 0) await Promise.all(deliveries);
    },
  };
}

function resultOf(outcome: SendOutcome): Stored | AppError {
  switch (outcome.at) {
    case "stored":
      return outcome;
    case "rejected":
      return new AppError(outcome.code, { message: outcome.message, details: outcome.details });
    case "parked":
      return new AppError("SERVICE_UNAVAILABLE", { cause: "the conversation is parked" });
    case "open":
      return new AppError("SERVICE_UNAVAILABLE", { cause: "not known to have committed" });
  }
}
