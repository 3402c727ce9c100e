import { readdirSync } from "node:fs";
import type { Metrics } from "./metrics.ts";

/** How often the event loop is asked how late it is. */
const lagEveryMs = 500;

/** Metrics of this process: CPU, memory, event-loop lag, open descriptors, start. Ends with its dispose. */
export function startProcessMetrics(metrics: Metrics): Disposable {
  const startedS = Date.now() / 1000 - process.uptime();
  metrics.gauge("process_start_time_seconds", "Start of the process, Unix seconds.").watch(() => startedS);
  metrics.gauge("process_cpu_seconds_total", "CPU time of user and system.").watch(() => {
    const used = process.cpuUsage();
    return (used.user + used.system) / 1e6;
  });
  metrics.gauge("process_resident_memory_bytes", "Resident memory.").watch(() => process.memoryUsage.rss());
  metrics.gauge("process_heap_bytes", "Heap in use.").watch(() => process.memoryUsage().heapUsed);
  // Bun tells nothing of single collections: a heap that fills up shows in these.
  metrics.gauge("process_heap_capacity_bytes", "Heap reserved.").watch(() => process.memoryUsage().heapTotal);
  metrics.gauge("process_external_bytes", "Memory that objects hold outside of the heap.").watch(externalBytes);
  metrics.gauge("process_open_fds", "Open descriptors; 0 where the system does not tell.").watch(openFds);
  return watchLag(metrics);
}

function watchLag(metrics: Metrics): Disposable {
  let worstS = 0;
  // The worst since the last render: a single stall must not be averaged away.
  metrics.gauge("process_event_loop_lag_seconds", "How late a timer was at worst since the last scrape.").watch(() => {
    const worst = worstS;
    worstS = 0;
    return worst;
  });
  let dueMs = performance.now() + lagEveryMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    worstS = Math.max(worstS, (nowMs - dueMs) / 1000);
    dueMs = nowMs + lagEveryMs;
  }, lagEveryMs);
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function externalBytes(): number {
  return process.memoryUsage().external;
}

function openFds(): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return 0;
  }
}
