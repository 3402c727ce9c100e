import { create } from "@bufbuild/protobuf";
import { type Mq, outRecord } from "#infra/mq/mq.ts";
import { BroadcastRecordSchema } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import { topics } from "#proto/topics.ts";

/** Tells every gateway that these login sessions ended, so that their sockets close at once (4004). Resolves when the log
 *  has it; rejects as `mq.send` does. Gateways that miss it find out at their next heartbeat. */
export function createAnnouncer(deps: { mq: Pick<Mq, "send">; clock: () => number }) {
  return async (sids: readonly string[]): Promise<void> => {
    const record = create(BroadcastRecordSchema, {
      createdAtMs: BigInt(deps.clock()),
      body: {
        case: "control",
        value: { control: { case: "sessionsRevoked", value: { sids: [...sids] } } },
      },
    });
    await deps.mq.send([outRecord(topics.broadcast, undefined, record)]);
  };
}
