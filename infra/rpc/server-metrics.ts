import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Logger } from "../clog/clog.ts";
import type { BoundCounter, BoundHistogram, Metrics } from "../metrics/metrics.ts";
import { createSlowLog } from "../metrics/slow.ts";
import { methodName } from "./rpc.ts";

/** Counts calls by their outcome. `undefined` = no error. */
export interface CallMetrics {
  observe(method: DescMethod, code: Code | undefined, seconds: number, call?: TracedCall): void;
}

/** Asked for the line about a slow call only. */
export interface TracedCall {
  traceId(): string | undefined;
}

export type ServerMetrics = CallMetrics;

/** `rpc_server_requests_total` and `rpc_server_duration_seconds`, by service, method and code: calls that were answered.
 *  Those that took longer than `metrics.slow.callMs` are logged. */
export function createServerMetrics(metrics: Metrics, clog: Logger): CallMetrics {
  const { slow } = metrics;
  const log = createSlowLog(clog.namespace("rpc"), "slow call");
  const counted = createCallMetrics(metrics, "server", "Calls answered", "Time of a call in its server");
  return {
    observe(method, code, seconds, call) {
      counted.observe(method, code, seconds);
      if (seconds * 1000 <= slow.callMs) return;
      const traceId = call?.traceId();
      const outcome = code === undefined ? "ok" : codeName(code);
      const trace = traceId === undefined ? {} : { trace_id: traceId };
      log.tell(seconds * 1000, { method: methodName(method), code: outcome, ...trace });
    },
  };
}

/** `rpc_client_requests_total` and `rpc_client_duration_seconds`: calls that were made, every repeat of its own. */
export function createClientMetrics(metrics: Metrics): CallMetrics {
  return createCallMetrics(metrics, "client", "Calls made", "Time of a call as its caller sees it");
}

interface Bound {
  readonly count: BoundCounter;
  readonly time: BoundHistogram;
}

function createCallMetrics(metrics: Metrics, side: "server" | "client", counted: string, timed: string): CallMetrics {
  const labels = ["service", "method", "code"];
  const requests = metrics.counter(`rpc_${side}_requests_total`, counted, labels);
  const duration = metrics.histogram(`rpc_${side}_duration_seconds`, timed, labels);
  const bind = (method: DescMethod, code: string): Bound => {
    const set = { service: method.parent.typeName, method: method.name, code };
    return { count: requests.with(set), time: duration.with(set) };
  };
  // Methods are a closed set, so the map is bounded.
  const succeeded = new Map<DescMethod, Bound>();
  return {
    observe(method, code, seconds) {
      let bound = code === undefined ? succeeded.get(method) : bind(method, codeName(code));
      if (bound === undefined) {
        bound = bind(method, "ok");
        succeeded.set(method, bound);
      }
      bound.time.observe(seconds);
      bound.count.inc();
    },
  };
}

/** The protocol's spelling: `deadline_exceeded`. */
export function codeName(code: Code): string {
  return (Code[code] ?? "Unknown").replace(/(?<=[a-z])[A-Z]/g, (capital) => `_${capital}`).toLowerCase();
}
