import type { CallOptions, HandlerContext } from "@connectrpc/connect";
import { callParent } from "#infra/trace/rpc.ts";
import { AppError } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { ChangeFacts, ChangeRows } from "#proto/gen/gochat/repo/v1/routes_pb.ts";
import type { DeliveredChange } from "./delivery.ts";
import type { LogicContext } from "./deps.ts";
import { optionsOf, traceOf } from "./rpc/arguments.ts";

/** Changes whose produces have not ended; what is more is left to the outbox sweeper. */
const deliveriesMax = 256;

export interface ChangesDeps extends Pick<LogicContext, "clog" | "metrics" | "tracer"> {
  deliverChange(change: DeliveredChange): Promise<void>;
  /** Tells of a row that was made, with what only events say of it; never throws. */
  announce(row: Message, facts: ChangeFacts | undefined): void;
}

/** What the caller of a change is told beside its result. */
export interface ChangeOutcome {
  /** Of the first row; 0 when nothing changed. */
  readonly changeSeqId: bigint;
  readonly duplicate: boolean;
}

/** Changes enter as calls of logic: one call of repo, answered after the commit; pushing goes on under supervision, and the
 *  outbox owes it. */
export interface Changes {
  /** `make` calls a `+rows` method of repo. Resolves with its answer and what became of the stream. */
  run<T extends { changes?: ChangeRows | undefined }>(
    call: HandlerContext,
    make: (options: CallOptions) => Promise<T>,
  ): Promise<T & ChangeOutcome>;
  /** Resolves when the produces under way have ended. */
  drain(): Promise<void>;
}

export function createChanges(deps: ChangesDeps): Changes {
  const deliveries = new Set<Promise<void>>();
  const made = deps.metrics.counter("gochat_changes_total", "Change rows stored, by type", ["type"]);
  const left = deps.metrics.counter("gochat_changes_left_total", "Changes left to the outbox sweeper").with({});

  async function deliver(change: DeliveredChange): Promise<void> {
    try {
      await deps.deliverChange(change);
    } catch (error) {
      left.inc();
      deps.clog.warn("a change is left to the outbox", { trace_id: change.traceId, err: error });
    }
  }

  function hand(change: DeliveredChange): void {
    for (const row of change.changes.rows) {
      made.inc({ type: row.changeType });
      deps.announce(
        row,
        change.changes.facts.find(({ seqId }) => seqId === row.seqId),
      );
    }
    if (deliveries.size >= deliveriesMax) {
      left.inc();
      return;
    }
    const delivery = deliver(change).finally(() => deliveries.delete(delivery));
    deliveries.add(delivery);
  }

  return {
    async run(call, make) {
      const answer = await make(optionsOf(call));
      const { changes } = answer;
      if (changes === undefined) throw new AppError("INTERNAL_ERROR", { cause: "a change without its rows" });
      const fresh = changes.rows.length > 0 && !changes.duplicate;
      if (fresh) hand({ changes, traceId: traceOf(call), parent: callParent(deps.tracer, call) });
      return { ...answer, changeSeqId: changes.rows[0]?.seqId ?? 0n, duplicate: changes.duplicate };
    },
    async drain() {
      while (deliveries.size > 0) await Promise.all(deliveries);
    },
  };
}
