import type { Logger } from "../clog/clog.ts";
import type { Watch } from "./coord.ts";
import { EtcdError, type Reply, recordOf } from "./etcd-http.ts";
import { type EtcdKv, type KeyValue, keyValueOf, type Range, rangeOf } from "./etcd-kv.ts";

/** A connection may die without a word: this often a copy is compared with etcd. */
export const auditMs = 10_000;
const backoffMinMs = 50;
const backoffMaxMs = 2000;

export interface MirrorDeps {
  readonly kv: EtcdKv;
  readonly clog: Logger;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Keeps a copy of a range: read whole, then followed change by change; read whole again after a lost connection, a compaction, or when the audit finds it behind.
 *  Calls `onChange` with everything, ordered by key, before it resolves and after every change; while etcd is away the last copy stands. The first read may reject. */
export async function openMirror(
  range: Range,
  onChange: (all: readonly KeyValue[]) => void,
  { kv, clog, signal }: MirrorDeps,
): Promise<Watch> {
  const mirror = new Mirror(range, onChange, kv, clog);
  const stop = AbortSignal.any([signal, mirror.closing.signal]);
  await mirror.load();
  const following = mirror.follow(stop);
  return {
    async close() {
      mirror.closing.abort(new Error("the watch is closed"));
      await following;
    },
  };
}

class Mirror {
  readonly closing = new AbortController();
  readonly #range: Range;
  readonly #onChange: (all: readonly KeyValue[]) => void;
  readonly #kv: EtcdKv;
  readonly #clog: Logger;
  #copy = new Map<string, KeyValue>();
  /** Everything up to it is in the copy. */
  #revision = 0n;
  #told = false;

  constructor(range: Range, onChange: (all: readonly KeyValue[]) => void, kv: EtcdKv, clog: Logger) {
    this.#range = range;
    this.#onChange = onChange;
    this.#kv = kv;
    this.#clog = clog;
  }

  async load(): Promise<void> {
    const { all, revision } = await this.#kv.list(this.#range);
    const same =
      this.#told &&
      all.length === this.#copy.size &&
      all.every((one) => this.#copy.get(one.key)?.modRevision === one.modRevision);
    this.#copy = new Map(all.map((one) => [one.key, one]));
    this.#revision = revision;
    if (!same) this.#tell();
  }

  /** Until `stop` aborts. Never rejects. */
  async follow(stop: AbortSignal): Promise<void> {
    let failures = 0;
    for (let first = true; !stop.aborted; first = false) {
      try {
        if (!first) await this.load();
        failures = 0;
        await this.#watch(stop);
      } catch (err) {
        if (stop.aborted) return;
        failures += 1;
        if (failures === 1) this.#clog.debug("a watch was interrupted", { key: this.#range.key, err });
      }
      await pause(Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2), stop);
    }
  }

  async #watch(stop: AbortSignal): Promise<void> {
    const behind = new AbortController();
    const audit = setInterval(() => void this.#audit(behind), auditMs * (0.8 + 0.4 * Math.random()));
    const create_request = { ...rangeOf(this.#range), start_revision: String(this.#revision + 1n) };
    try {
      const signal = AbortSignal.any([stop, behind.signal]);
      for await (const line of this.#kv.http.stream("/v3/watch", { create_request }, signal)) {
        if (stop.aborted) return;
        this.#apply(line);
      }
    } finally {
      clearInterval(audit);
    }
  }

  #apply(line: Reply): void {
    const result = recordOf(line.result);
    // Also the answer to a revision that was compacted away.
    if (line.error !== undefined || result.canceled === true)
      throw new EtcdError(`the watch was cancelled: ${JSON.stringify(line.error ?? result.cancel_reason ?? "")}`, 11);
    const events = Array.isArray(result.events) ? result.events.map(recordOf) : [];
    for (const event of events) {
      const kv = keyValueOf(recordOf(event.kv));
      // PUT is the default, and defaults are left out.
      if (event.type === "DELETE") this.#copy.delete(kv.key);
      else this.#copy.set(kv.key, kv);
      if (kv.modRevision > this.#revision) this.#revision = kv.modRevision;
    }
    if (events.length > 0) this.#tell();
  }

  async #audit(behind: AbortController): Promise<void> {
    try {
      const mark = await this.#kv.mark(this.#range);
      // What is on its way arrives within a second. Other changes meanwhile may look like a gap: then it is read once too often.
      if (!this.#isBehind(mark)) return;
      await Bun.sleep(1000);
      if (this.#isBehind(mark)) behind.abort(new Error("the watch is behind"));
    } catch (error) {
      behind.abort(error);
    }
  }

  #isBehind(mark: { count: number; modRevision: bigint }): boolean {
    return mark.modRevision > this.#revision || mark.count !== this.#copy.size;
  }

  #tell(): void {
    this.#told = true;
    try {
      this.#onChange([...this.#copy.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)));
    } catch (err) {
      this.#clog.error("a watcher failed", { key: this.#range.key, err });
    }
  }
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
  });
}
