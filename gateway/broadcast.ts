import type { Batch, Outcome } from "#infra/mq/mq.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import { WORLD_ID } from "#proto/conversation-ids.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";
import type { BroadcastRecord, PushMessages } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { Controls } from "./control.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { sendSpans } from "./send-spans.ts";
import type { Membership } from "./ws/membership.ts";
import type { RoomFlow } from "./ws/room-flow.ts";

/** Reads the rooms' records, which every gateway reads whole, and publishes them to the native channels: one encoding
 *  per kind of client, a whole batch in one turn, so that it leaves in one write per socket (DESIGN §6). No await
 *  between the records, nothing per receiver in JavaScript. */
export interface Broadcast {
  handle(batch: Batch<BroadcastRecord>): Promise<Outcome>;
}

export interface BroadcastDeps {
  readonly flow: Pick<RoomFlow, "push">;
  readonly membership: Pick<Membership, "push">;
  readonly controls: Controls;
  readonly metrics: GatewayMetrics;
  readonly tracer: Tracer;
  readonly clock: () => number;
}

/** Rows of one conversation that follow each other; of the world over the bounds of records. */
interface Run {
  readonly conversationId: string;
  readonly membersSeq: bigint;
  readonly rows: Message[];
}

export function createBroadcast(options: { readonly gatewayId: string }, deps: BroadcastDeps): Broadcast {
  const { flow, membership, controls, metrics, tracer, clock } = deps;

  function collect(runs: Run[], push: PushMessages): void {
    const last = runs.at(-1);
    const goesOn = last?.conversationId === WORLD_ID && push.conversationId === WORLD_ID;
    const rows = goesOn ? last.rows : [];
    for (const { message } of push.rows) if (message !== undefined) rows.push(message);
    const { conversationId, membersSeq } = push;
    if (rows !== last?.rows && rows.length > 0) runs.push({ conversationId, membersSeq, rows });
  }

  return {
    handle({ records }) {
      const spans = sendSpans(tracer, options.gatewayId, records);
      const runs: Run[] = [];
      for (const { value } of records) {
        if (value.body.case === "push") collect(runs, value.body.value);
        else if (value.body.case === "control") controls.apply(value.body.value);
        metrics.worldLatency.observe(Math.max(0, clock() - Number(value.createdAtMs)) / 1000);
      }
      for (const { conversationId, membersSeq, rows } of runs) {
        if (conversationId !== WORLD_ID) membership.push(conversationId, membersSeq, rows);
        else {
          metrics.worldMessages.add(rows.length);
          flow.push(conversationId, rows);
        }
      }
      for (const span of spans) span.end();
      return Promise.resolve({ done: records.length });
    },
  };
}
