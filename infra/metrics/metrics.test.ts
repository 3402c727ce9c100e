import { expect, test } from "bun:test";
import { createMetrics } from "./metrics.ts";
import { startProcessMetrics } from "./process.ts";

test("counters, gauges and histograms are rendered as Prometheus text", async () => {
  const metrics = createMetrics();
  metrics.counter("gochat_message_send_total", "sends", ["type"]).inc({ type: "text" }, 2);
  const waiting = metrics.gauge("gochat_upstream_waiting", "waiting");
  waiting.set(5);
  waiting.dec();
  metrics.histogram("gochat_message_commit_seconds", "commit", ["shard"], [0.1, 1]).observe(0.5, { shard: "0" });
  const text = await metrics.render();
  expect(text).toContain('gochat_message_send_total{type="text"} 2');
  expect(text).toContain("gochat_upstream_waiting 4");
  expect(text).toContain('gochat_message_commit_seconds_bucket{le="1",shard="0"} 1');
  expect(text).toContain('gochat_message_commit_seconds_sum{shard="0"} 0.5');
});

test("the same name is the same instrument; as another kind it throws", async () => {
  const metrics = createMetrics();
  const first = metrics.counter("a_total", "a", ["x"]);
  first.with({ x: "1" }).inc();
  metrics.counter("a_total", "a", ["x"]).inc({ x: "1" });
  expect(metrics.counter("a_total", "a")).toBe(first);
  expect(() => metrics.gauge("a_total", "a")).toThrow("is a counter already");
  expect(await metrics.render()).toContain('a_total{x="1"} 2');
});

test("a bound counter keeps counting over several renders", async () => {
  const metrics = createMetrics();
  const bound = metrics.counter("a_total", "a", ["x"]).with({ x: "1" });
  bound.inc(3);
  expect(await metrics.render()).toContain('a_total{x="1"} 3');
  bound.inc();
  expect(await metrics.render()).toContain('a_total{x="1"} 4');
});

test("a histogram counts each value in every bucket that it does not exceed", async () => {
  const metrics = createMetrics();
  const bound = metrics.histogram("a_seconds", "a", ["x"], [1, 0.1]).with({ x: "1" });
  for (const value of [0.05, 0.1, 0.5, 1, 7]) bound.observe(value);
  expect(() => bound.observe(Number.NaN)).toThrow("not a value");
  const text = await metrics.render();
  for (const [le, count] of [
    ["0.1", 2],
    ["1", 4],
    ["+Inf", 5],
  ]) {
    expect(text).toContain(`a_seconds_bucket{le="${le}",x="1"} ${count}\n`);
  }
  expect(text).toContain('a_seconds_sum{x="1"} 8.65\n');
  expect(text).toContain('a_seconds_count{x="1"} 5\n');
});

test("a histogram without labels shows 0 from the start, one with labels only what has values", async () => {
  const metrics = createMetrics();
  metrics.histogram("a_seconds", "a");
  metrics.histogram("b_seconds", "b", ["x"]).with({ x: "1" });
  const text = await metrics.render();
  expect(text).toContain("a_seconds_count 0");
  expect(text).not.toContain("b_seconds_count");
});

test("a gauge that was never set is not shown with its labels", async () => {
  const metrics = createMetrics();
  const gauge = metrics.gauge("a", "a", ["x"]);
  gauge.with({ x: "1" });
  gauge.with({ x: "2" }).dec(2);
  const text = await metrics.render();
  expect(text).not.toContain('x="1"');
  expect(text).toContain('a{x="2"} -2');
});

test("a counter without labels shows 0 from the start", async () => {
  const metrics = createMetrics();
  metrics.counter("a_total", "a");
  expect(await metrics.render()).toContain("a_total 0");
});

test("what is no growth is refused where it is counted, and not at the renders after it", async () => {
  const metrics = createMetrics();
  const counter = metrics.counter("a_total", "a");
  for (const by of [-1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => counter.inc({}, by)).toThrow("cannot grow");
  counter.inc({}, 2);
  expect(await metrics.render()).toContain("a_total 2\n");
});

test("two registries do not meet", async () => {
  const [one, two] = [createMetrics(), createMetrics()];
  one.counter("a_total", "a").inc();
  two.counter("a_total", "a");
  expect(await two.render()).toContain("a_total 0");
});

test("G4: label sets of one name are bounded; the rest is counted as `other`", async () => {
  const metrics = createMetrics({ seriesMax: 3 });
  const counter = metrics.counter("a_total", "a", ["x"]);
  const gauge = metrics.gauge("b", "b", ["x"]);
  const histogram = metrics.histogram("c", "c", ["x"]);
  for (let at = 0; at < 100; at += 1) {
    counter.inc({ x: String(at) });
    gauge.inc({ x: String(at) });
    histogram.observe(1, { x: String(at) });
  }
  const text = await metrics.render();
  expect(text.match(/^a_total\{/gm)).toHaveLength(4);
  expect(text).toContain('a_total{x="other"} 97');
  expect(text).toContain('b{x="other"} 97');
  expect(text).toContain('c_count{x="other"} 97');
});

test("a watched gauge is read at each render", async () => {
  const metrics = createMetrics();
  let size = 1;
  metrics.gauge("size", "size").watch(() => size);
  expect(await metrics.render()).toContain("size 1");
  size = 2;
  expect(await metrics.render()).toContain("size 2");
});

test("60 §7: the process shows cpu, rss, event-loop lag and descriptors", async () => {
  const metrics = createMetrics();
  using process = startProcessMetrics(metrics);
  expect(process).toBeDefined();
  const text = await metrics.render();
  for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"]) {
    expect(Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1])).toBeGreaterThan(0);
  }
  expect(text).toContain("process_event_loop_lag_seconds ");
});
