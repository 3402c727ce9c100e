import type { Logger } from "#infra/clog/clog.ts";
import type { Mq, OutRecord } from "#infra/mq/mq.ts";

/** Events that are on their way to the log; beyond it they are dropped and counted, like every event that the log does
 *  not take: what they announce is stored, and its receivers find it by the next sync. */
const pendingMax = 10_000;

export type Announce = (record: OutRecord) => void;

/** Hands events to the log. Never waits for it and never throws: the calls are answered already. */
export interface Announcer {
  readonly announce: Announce;
  drain(): Promise<void>;
}

export function createAnnouncer({ mq, clog }: { readonly mq: Pick<Mq, "send">; readonly clog: Logger }): Announcer {
  const pending = new Set<Promise<void>>();

  async function send(record: OutRecord): Promise<void> {
    try {
      await mq.send([record]);
    } catch (error) {
      clog.warn("event was not taken by the log", { topic: record.topic.name, err: error });
    }
  }

  return {
    announce(record) {
      if (pending.size >= pendingMax) {
        clog.warn("event dropped, too many wait", { topic: record.topic.name });
        return;
      }
      const sending = send(record).finally(() => pending.delete(sending));
      pending.add(sending);
    },
    async drain() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}
