import { afterAll, beforeAll, expect, test } from "bun:test";
import { createApi, newAccount } from "./api.ts";
import { openSocket, until } from "./socket.ts";
import { insideOf, type Target } from "./target.ts";

/** The names of spec 60 §7 with their labels, as the processes of an installation show them together. */
const names: Readonly<Record<string, readonly string[]>> = {
  rpc_server_requests_total: ["service", "method", "code"],
  rpc_server_duration_seconds: ["service", "method", "code"],
  http_requests_total: ["method", "route", "status"],
  http_request_duration_seconds: ["method", "route", "status"],
  gochat_message_send_total: ["type"],
  gochat_message_send_failures_total: ["reason"],
  gochat_message_e2e_seconds: ["type", "entrance"],
  gochat_message_commit_seconds: ["entrance"],
  gochat_commit_batch_messages: ["entrance"],
  gochat_commit_batch_bytes: ["entrance"],
  gochat_message_duplicates_total: ["entrance"],
  gochat_upstream_waiting: [],
  gochat_partition_paused: ["topic", "group"],
  gochat_outbox_rows: [],
  gochat_outbox_oldest_seconds: [],
  gochat_outbox_swept_total: [],
  gochat_conversations_parked: [],
  gochat_conversation_load_duration_seconds: [],
  gochat_fanout_latency_seconds: ["path"],
  gochat_fanout_recipients: ["path"],
  gochat_push_dropped_total: ["reason"],
  gochat_push_shed_total: ["reason"],
  gochat_membership_checks_total: [],
  gochat_resync_total: ["reason"],
  gochat_cache_hit_ratio: [],
  gochat_cache_operations_total: ["operation", "key_class"],
  gochat_auth_requests_total: ["type"],
  gochat_auth_failures_total: ["reason"],
  gochat_token_validation_duration_seconds: ["source"],
  gochat_sync_requests_total: ["type"],
  gochat_sync_duration_seconds: ["type"],
  world_chat_message_rate: [],
  world_chat_fanout_latency: [],
  world_chat_active_users: [],
  gochat_ws_connections: [],
  gochat_ws_frames_total: ["direction"],
  gochat_ws_close_total: ["code"],
  gochat_ws_queue_bytes: [],
  gochat_mq_produce_total: ["topic"],
  gochat_mq_consume_total: ["topic", "group"],
  gochat_mq_lag: ["topic", "group"],
  gochat_mq_dlq_total: ["topic", "group"],
  gochat_mq_handle_seconds: ["topic", "group"],
  gochat_ratelimit_rejected_total: ["name"],
  gochat_uid_generated_total: ["name"],
  gochat_config_reload_total: ["name", "result"],
  process_cpu_seconds_total: [],
  process_resident_memory_bytes: [],
  process_event_loop_lag_seconds: [],
  process_open_fds: [],
  process_heap_bytes: [],
  process_heap_capacity_bytes: [],
  process_external_bytes: [],
};

/** Of calls over the network: there are none in one process. */
const between: Readonly<Record<string, readonly string[]>> = {
  rpc_client_requests_total: ["service", "method", "code"],
  rpc_client_duration_seconds: ["service", "method", "code"],
  gochat_breaker_state: ["name"],
};

/** Of the same table. Whoever builds the feature moves the name up. */
const notHere: Readonly<Record<string, string>> = {};

let target: Target;

/** What the admin ports of what `start` starts show; `processes`: one with all services, or several that call each other. */
export function metricsFlows(start: () => Promise<Target>, processes: "one" | "several"): void {
  const due = processes === "one" ? names : { ...names, ...between };
  const absent = Object.keys(processes === "one" ? { ...notHere, ...between } : notHere);
  beforeAll(async () => {
    target = await start();
  });
  afterAll(() => target?.[Symbol.asyncDispose]());

  test("60 §7: every name of the table that is due is at /metrics, no other is", async () => {
    const text = await metrics();
    expect(Object.keys(due).filter((name) => !text.includes(`# TYPE ${name} `))).toEqual([]);
    expect(absent.filter((name) => text.includes(`# TYPE ${name} `))).toEqual([]);
  });

  test("60 §7: what was counted carries the labels of the table, and only a number", () => labelled(due));

  test("60 §3: no metric carries an id of a person, a conversation or a message", async () => {
    const text = await metrics();
    expect(text).not.toMatch(/single_\d/);
    expect(text).not.toMatch(/(user|conversation|message|session)_id="/);
  });
}

/** Of all processes. */
async function metrics(): Promise<string> {
  const texts = insideOf(target).adminUrls.map(async (url) => (await fetch(`${url}/metrics`)).text());
  return (await Promise.all(texts)).join("\n");
}

async function talk(): Promise<void> {
  const api = createApi(target.first);
  const [ann, bob] = [await newAccount(api), await newAccount(api)];
  const made = await api.call<{ id: string }>(
    "POST",
    "/conversations",
    { type: 1, members: [bob.userId] },
    ann.accessToken,
  );
  await api.call("GET", "/conversations", undefined, ann.accessToken);
  await using socket = await openSocket(target.first, ann.accessToken);
  for (const conversationId of [made.data.id, "world"]) {
    socket.send("send-message", { conversationId, content: "counted", messageType: 1, client_msg_id: conversationId });
    await socket.next("message-ack");
  }
  await socket.next("new-message");
  socket.send("sync", { conversations: [{ id: "world", afterSeq: 0 }], limit: 10 });
  await socket.next("sync-result");
  const path = `/conversations/${made.data.id}/messages`;
  await api.call("POST", path, { content: "by http", messageType: 1 }, ann.accessToken);
}

async function labelled(due: Readonly<Record<string, readonly string[]>>): Promise<void> {
  await talk();
  await until("the sends are counted", async () => (await metrics()).includes('entrance="ws"'));
  const seen = new Map<string, Set<string>>();
  for (const line of (await metrics()).split("\n")) {
    const match = /^([a-z0-9_]+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? (\S+)$/.exec(line);
    if (match === null) continue;
    const [, name = "", labels = "", value = ""] = match;
    expect(Number.isNaN(Number(value))).toBe(false);
    const of = seen.get(name) ?? new Set();
    for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) if (label !== "le") of.add(label);
    seen.set(name, of);
  }
  for (const [name, labels] of Object.entries(due)) {
    const found = seen.get(name);
    if (found === undefined || found.size === 0) continue;
    expect([name, ...found].sort()).toEqual([name, ...labels].sort());
  }
  for (const name of [
    "gochat_message_e2e_seconds",
    "gochat_fanout_recipients",
    "gochat_commit_batch_bytes",
    "gochat_conversation_load_duration_seconds",
    "gochat_token_validation_duration_seconds",
    "gochat_uid_generated_total",
    "gochat_sync_duration_seconds",
  ]) {
    expect(seen.has(name)).toBe(true);
  }
}
