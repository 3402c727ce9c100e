import type { Logger } from "#infra/clog/clog.ts";
import type { Control, Kick, Probe, Resync } from "#proto/gen/gochat/mq/v1/downstream_pb.ts";
import type { TokenVerifier } from "./auth/token-verifier.ts";
import { closes } from "./ws/close-codes.ts";
import type { Hub } from "./ws/hub.ts";
import type { ResyncSender } from "./ws/resync.ts";
import type { Session } from "./ws/session.ts";

/** Applies control records of the downstream and broadcast topics. */
export interface Controls {
  apply(control: Control): void;
}

export interface ControlDeps {
  readonly hub: Hub;
  readonly verifier: TokenVerifier;
  readonly resync: ResyncSender;
  /** Reports a session to presence at once, which may have forgotten it with its cache. */
  readonly report: (session: Session) => void;
  readonly clog: Logger;
  readonly probe: (probe: Probe) => void;
  readonly drain: () => void;
}

/** Run ids of the cache that were answered with a resync; one is enough, the rest covers late repeats. */
const runIdsMax = 16;

export function createControls({ hub, verifier, resync, report, clog, probe, drain }: ControlDeps): Controls {
  const runIds: string[] = [];

  function kick({ sessionIds, closeCode, reason }: Kick): void {
    for (const sessionId of sessionIds) hub.find(sessionId)?.close(closeCode, reason);
  }

  function revoke(sids: readonly string[]): void {
    for (const sid of sids) verifier.revoke(sid);
    const revoked = new Set(sids);
    // Sign-outs are rare against frames: one pass over the table costs less than an index that every connect maintains.
    for (const session of hub.all()) {
      if (revoked.has(session.sid)) session.close(closes.signedOut.code, closes.signedOut.reason);
    }
  }

  function resyncFor({ conversationIds, userIds, cacheRunId }: Resync): void {
    if (cacheRunId !== "") {
      if (runIds.includes(cacheRunId)) return;
      if (runIds.push(cacheRunId) > runIdsMax) runIds.shift();
      for (const session of hub.all()) report(session);
    }
    const sessions = userIds.length === 0 ? hub.all() : userIds.flatMap((userId) => [...hub.ofUser(userId)]);
    resync.spread(sessions, conversationIds, "control");
  }

  return {
    apply({ control }) {
      switch (control.case) {
        case "kick":
          kick(control.value);
          break;
        case "sessionsRevoked":
          revoke(control.value.sids);
          break;
        case "resync":
          resyncFor(control.value);
          break;
        case "probe":
          probe(control.value);
          break;
        case "drain":
          drain();
          break;
        case "config":
          break;
        default:
          clog.warn("control record of an unknown kind");
      }
    },
  };
}
