import type { BoundCounter, BoundHistogram, Counter, Gauge, Histogram, Metrics } from "#infra/metrics/metrics.ts";
import { conversationTypes } from "#proto/conversation-ids.ts";
import type { Hub } from "./ws/hub.ts";

export type TokenSource = "remembered" | "signature" | "logic";

const recipientBuckets = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000];

/** The gateway's instruments, by the names of spec 60 §7. */
export interface GatewayMetrics {
  readonly httpRequests: Counter;
  readonly httpSeconds: Histogram;
  readonly slow: Metrics["slow"];
  readonly framesIn: BoundCounter;
  readonly framesOut: BoundCounter;
  readonly closes: Counter;
  readonly pushDropped: Counter;
  /** Pushes that belong to another gateway, by how its call ended. */
  readonly pushForwards: Counter;
  /** Messages of the world that were left out on purpose and announced. */
  readonly shed: Readonly<Record<"budget" | "background", BoundCounter>>;
  readonly resyncs: Counter;
  readonly membershipChecks: Counter;
  readonly upstreamWaiting: Gauge;
  readonly sendFailures: Counter;
  readonly worldLatency: Histogram;
  readonly authRequests: Counter;
  readonly authFailures: Counter;
  readonly framesLimited: BoundCounter;
  readonly bytesLimited: BoundCounter;
  /** From the taking of a send to its ack, by conversation type. */
  readonly e2eSeconds: readonly BoundHistogram[];
  /** Sockets that a room's push went to. */
  readonly recipients: BoundHistogram;
  /** Where a token's validity was known from: what is remembered, its signature, logic. */
  readonly tokenSeconds: Readonly<Record<TokenSource, BoundHistogram>>;
  /** Messages of the world that were published. */
  readonly worldMessages: RateGauge;
  readonly syncs: BoundCounter;
  readonly syncSeconds: BoundHistogram;
}

/** What is known anyway is read when the metrics are. */
export function createGatewayMetrics(metrics: Metrics, hub: Hub): GatewayMetrics {
  metrics.gauge("gochat_ws_connections", "open sockets").watch(() => hub.size);
  metrics.gauge("gochat_ws_queue_bytes", "bytes that wait for slow readers").watch(() => waitingBytes(hub));
  metrics.gauge("world_chat_active_users", "users with an open socket").watch(() => hub.users);
  const shed = metrics.counter("gochat_push_shed_total", "messages left out and announced by `missed`", ["reason"]);
  const frames = metrics.counter("gochat_ws_frames_total", "WebSocket frames", ["direction"]);
  // The instrument of infra/ratelimit: the buckets of sockets are counted here.
  const limited = metrics.counter("gochat_ratelimit_rejected_total", "Calls refused by a rate limit.", ["name"]);
  const e2e = metrics.histogram(
    "gochat_message_e2e_seconds",
    "From the taking of a send to its ack: ws on the gateway, api in logic",
    ["type", "entrance"],
  );
  const token = metrics.histogram(
    "gochat_token_validation_duration_seconds",
    "Checks of access tokens",
    ["source"],
    [0.00001, 0.0001, 0.001, 0.01, 0.1, 1],
  );
  return {
    e2eSeconds: conversationTypes.map((type) => e2e.with({ type, entrance: "ws" })),
    recipients: metrics
      .histogram("gochat_fanout_recipients", "Users that a push is for", ["path"], recipientBuckets)
      .with({ path: "room" }),
    tokenSeconds: {
      remembered: token.with({ source: "remembered" }),
      signature: token.with({ source: "signature" }),
      logic: token.with({ source: "logic" }),
    },
    worldMessages: createRateGauge(
      metrics.gauge("world_chat_message_rate", "Messages of the world per second since the last scrape"),
    ),
    slow: metrics.slow,
    httpRequests: metrics.counter("http_requests_total", "HTTP requests", ["method", "route", "status"]),
    httpSeconds: metrics.histogram(
      "http_request_duration_seconds",
      "HTTP requests, from the first byte to the answer",
      ["method", "route", "status"],
    ),
    framesIn: frames.with({ direction: "in" }),
    framesOut: frames.with({ direction: "out" }),
    closes: metrics.counter("gochat_ws_close_total", "closed sockets", ["code"]),
    pushDropped: metrics.counter("gochat_push_dropped_total", "frames a socket did not take", ["reason"]),
    pushForwards: metrics.counter("gochat_push_forwards_total", "pushes handed to another gateway", ["outcome"]),
    shed: { budget: shed.with({ reason: "budget" }), background: shed.with({ reason: "background" }) },
    membershipChecks: metrics.counter("gochat_membership_checks_total", "Times that members of a room were asked for"),
    resyncs: metrics.counter("gochat_resync_total", "resync frames sent", ["reason"]),
    upstreamWaiting: metrics.gauge("gochat_upstream_waiting", "sends that wait for the log"),
    sendFailures: metrics.counter("gochat_message_send_failures_total", "Sends refused before the commit", ["reason"]),
    worldLatency: metrics.histogram("world_chat_fanout_latency", "seconds from the broadcast record to its publish"),
    authRequests: metrics.counter("gochat_auth_requests_total", "tokens shown", ["type"]),
    authFailures: metrics.counter("gochat_auth_failures_total", "refused tokens", ["reason"]),
    framesLimited: limited.with({ name: "ws_frames" }),
    bytesLimited: limited.with({ name: "ws_bytes" }),
    syncs: metrics.counter("gochat_sync_requests_total", "syncs", ["type"]).with({ type: "ws" }),
    syncSeconds: metrics.histogram("gochat_sync_duration_seconds", "syncs", ["type"]).with({ type: "ws" }),
  };
}

/** Counts, and shows the rate between two scrapes. */
export interface RateGauge {
  add(count: number): void;
}

function createRateGauge(gauge: Gauge, now: () => number = () => performance.now()): RateGauge {
  let count = 0;
  let sinceMs = now();
  gauge.watch(() => {
    const seconds = (now() - sinceMs) / 1000;
    const rate = seconds > 0 ? count / seconds : 0;
    count = 0;
    sinceMs = now();
    return rate;
  });
  return {
    add(more) {
      count += more;
    },
  };
}

function waitingBytes(hub: Hub): number {
  let bytes = 0;
  for (const { socket } of hub.all()) bytes += socket?.getBufferedAmount() ?? 0;
  return bytes;
}
