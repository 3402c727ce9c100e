import type { Logger } from "#infra/clog/clog.ts";
import type { Mq, OutRecord } from "#infra/mq/mq.ts";

/** Events that are on their way to the log; beyond it they are dropped and counted, like every event that the log does
 *  not take: what they announce is stored, and its receivers find it by the next sync. */
const pendingMax = 10_000;

/** Takes its records together, or none of them. */
export type Announce = (...records: readonly OutRecord[]) => void;

/** Hands events to the log. Never waits for it and never throws: the calls are answered already. */
export interface Announcer {
  readonly announce: Announce;
  drain(): Promise<void>;
}

export function createAnnouncer({ mq, clog }: { readonly mq: Pick<Mq, "send">; readonly clog: Logger }): Announcer {
  const pending = new Set<Promise<void>>();
  let waiting = 0;

  async function send(records: readonly OutRecord[]): Promise<void> {
    try {
      await mq.send(records);
    } catch (error) {
      clog.warn("events were not taken by the log", {
        topic: records[0]?.topic.name,
        count: records.length,
        err: error,
      });
    }
    waiting -= records.length;
  }

  return {
    announce(...records) {
      if (records.length === 0) return;
      if (waiting + records.length > pendingMax) {
        clog.warn("events dropped, too many wait", { topic: records[0]?.topic.name, count: records.length });
        return;
      }
      waiting += records.length;
      const sending = send(records).finally(() => pending.delete(sending));
      pending.add(sending);
    },
    async drain() {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}
