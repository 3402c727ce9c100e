import type { DescMethod } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { BoundCounter, BoundHistogram, Metrics } from "../metrics/metrics.ts";
import { methodName } from "./rpc.ts";

/** Counts the calls that a server answered. `undefined` = no error. */
export interface ServerMetrics {
  observe(method: DescMethod, code: Code | undefined, seconds: number): void;
}

/** `rpc_server_requests_total{method, code}` and `rpc_server_duration_seconds{method}`. */
export function createServerMetrics(metrics: Metrics): ServerMetrics {
  const requests = metrics.counter("rpc_server_requests_total", "Calls answered, by method and code.", [
    "method",
    "code",
  ]);
  const duration = metrics.histogram("rpc_server_duration_seconds", "Time of a call in its server.", ["method"]);
  // Methods are a closed set, so the map is bounded.
  const succeeded = new Map<DescMethod, { count: BoundCounter; time: BoundHistogram }>();
  return {
    observe(method, code, seconds) {
      let bound = succeeded.get(method);
      if (bound === undefined) {
        const name = methodName(method);
        bound = { count: requests.with({ method: name, code: "ok" }), time: duration.with({ method: name }) };
        succeeded.set(method, bound);
      }
      bound.time.observe(seconds);
      if (code === undefined) bound.count.inc();
      else requests.inc({ method: methodName(method), code: codeName(code) });
    },
  };
}

/** The protocol's spelling: `deadline_exceeded`. */
export function codeName(code: Code): string {
  return (Code[code] ?? "Unknown").replace(/(?<=[a-z])[A-Z]/g, (capital) => `_${capital}`).toLowerCase();
}
