import { Counter as PromCounter, Gauge as PromGauge, Histogram as PromHistogram, Registry } from "prom-client";
import { type SlowThresholds, slowDefaults } from "./slow.ts";

export type Labels = Readonly<Record<string, string>>;

export interface BoundCounter {
  inc(by?: number): void;
}
/** Only grows. Take `with(labels)` once for what is counted per message: it then costs one addition. */
export interface Counter {
  inc(labels?: Labels, by?: number): void;
  with(labels: Labels): BoundCounter;
}

export interface BoundGauge {
  set(value: number): void;
  inc(by?: number): void;
  dec(by?: number): void;
}
export interface Gauge {
  set(value: number, labels?: Labels): void;
  inc(labels?: Labels, by?: number): void;
  dec(labels?: Labels, by?: number): void;
  with(labels: Labels): BoundGauge;
  /** Calls `read` at each render instead of being set; the last one wins. For what is known already (sizes of maps, waiting bytes). */
  watch(read: () => number): void;
}

export interface BoundHistogram {
  observe(value: number): void;
}
export interface Histogram {
  observe(value: number, labels?: Labels): void;
  with(labels: Labels): BoundHistogram;
}

/** A registry of its own per call of `createMetrics`, so that tests do not meet. The same name twice returns the same instrument (labels and buckets of the
 *  first); the same name as another kind throws. A name keeps at most `seriesMax` label sets: further ones are counted under the value `other`. */
export interface Metrics {
  counter(name: string, help: string, labels?: readonly string[]): Counter;
  gauge(name: string, help: string, labels?: readonly string[]): Gauge;
  /** Default buckets suit seconds between 1 ms and 10 s. */
  histogram(name: string, help: string, labels?: readonly string[], buckets?: readonly number[]): Histogram;
  /** Prometheus text format 0.0.4. */
  render(): Promise<string>;
  /** Of the log lines about what took long; they are written where the durations are counted. */
  readonly slow: SlowThresholds;
}

export interface MetricsOptions {
  /** Label sets per name. Default 2000. */
  seriesMax?: number;
}

export const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

const none: Labels = {};

type Instrument =
  | { kind: "counter"; it: Counter }
  | { kind: "gauge"; it: Gauge }
  | { kind: "histogram"; it: Histogram };

export function createMetrics(options: MetricsOptions = {}): Metrics {
  const registry = new Registry();
  const known = new Map<string, Instrument>();
  const seriesMax = options.seriesMax ?? 2000;
  const clash = (name: string, kind: string): Error => new Error(`metric ${name} is a ${kind} already`);
  return {
    counter(name, help, labels = []) {
      const old = known.get(name);
      if (old?.kind === "counter") return old.it;
      if (old !== undefined) throw clash(name, old.kind);
      const it = counterOf(registry, name, help, labels, seriesMax);
      known.set(name, { kind: "counter", it });
      return it;
    },
    gauge(name, help, labels = []) {
      const old = known.get(name);
      if (old?.kind === "gauge") return old.it;
      if (old !== undefined) throw clash(name, old.kind);
      const it = gaugeOf(registry, name, help, labels, seriesMax);
      known.set(name, { kind: "gauge", it });
      return it;
    },
    histogram(name, help, labels = [], buckets = secondsBuckets) {
      const old = known.get(name);
      if (old?.kind === "histogram") return old.it;
      if (old !== undefined) throw clash(name, old.kind);
      const it = histogramOf(registry, { name, help, labels, buckets }, seriesMax);
      known.set(name, { kind: "histogram", it });
      return it;
    },
    render: () => registry.metrics(),
    slow: { ...slowDefaults },
  };
}

/** Label sets of one name, bounded. `make` is called once per set; sets past the bound share one whose values are all `other`. */
function seriesOf<T>(names: readonly string[], seriesMax: number, make: (labels: Labels) => T): (labels: Labels) => T {
  const all = new Map<string, T>();
  let overflow: T | undefined;
  return (labels) => {
    let key = "";
    for (const name of names) key += `${labels[name] ?? ""}\u0000`;
    const old = all.get(key);
    if (old !== undefined) return old;
    if (all.size >= seriesMax) {
      overflow ??= make(Object.fromEntries(names.map((name) => [name, "other"])));
      return overflow;
    }
    const made = make(Object.fromEntries(names.map((name) => [name, labels[name] ?? ""])));
    all.set(key, made);
    return made;
  };
}

function counterOf(
  registry: Registry,
  name: string,
  help: string,
  labels: readonly string[],
  seriesMax: number,
): Counter {
  // prom-client hashes the labels at every inc; a plain number that is handed over at the render does not.
  const waiting: { labels: Labels; count: number }[] = [];
  const raw = new PromCounter({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      for (const one of waiting) {
        raw.inc({ ...one.labels }, one.count);
        one.count = 0;
      }
    },
  });
  const find = seriesOf(labels, seriesMax, (set) => {
    const one = { labels: set, count: 0 };
    waiting.push(one);
    return {
      inc(by = 1): void {
        // The library would refuse it, at every render from here on.
        if (!(by >= 0 && by < Number.POSITIVE_INFINITY)) throw new TypeError(`a counter cannot grow by ${by}`);
        one.count += by;
      },
    };
  });
  if (labels.length === 0) find(none);
  return { inc: (set = none, by = 1) => find(set).inc(by), with: find };
}

function gaugeOf(registry: Registry, name: string, help: string, labels: readonly string[], seriesMax: number): Gauge {
  let read: (() => number) | undefined;
  const shown: { labels: Labels; value: number | undefined }[] = [];
  const raw = new PromGauge({
    name,
    help,
    labelNames: [...labels],
    registers: [registry],
    collect() {
      for (const { labels, value } of shown) if (value !== undefined) raw.set({ ...labels }, value);
      if (read !== undefined) raw.set(read());
    },
  });
  const find = seriesOf(labels, seriesMax, (set): BoundGauge => {
    const one: { labels: Labels; value: number | undefined } = { labels: set, value: undefined };
    shown.push(one);
    const add = (by: number): void => {
      one.value = (one.value ?? 0) + by;
    };
    return {
      set(value) {
        one.value = value;
      },
      inc: (by = 1) => add(by),
      dec: (by = 1) => add(-by),
    };
  });
  return {
    set: (value, set = none) => find(set).set(value),
    inc: (set = none, by = 1) => find(set).inc(by),
    dec: (set = none, by = 1) => find(set).dec(by),
    with: find,
    watch(reader) {
      read = reader;
    },
  };
}

interface HistogramShape {
  name: string;
  help: string;
  labels: readonly string[];
  buckets: readonly number[];
}

function histogramOf(registry: Registry, shape: HistogramShape, seriesMax: number): Histogram {
  const all: Distribution[] = [];
  const bounds = shape.buckets.toSorted((a, b) => a - b);
  new CountedHistogram(registry, { ...shape, buckets: bounds }, all);
  const find = seriesOf(shape.labels, seriesMax, (set): BoundHistogram => {
    const one = new Distribution(set, bounds);
    all.push(one);
    return one;
  });
  if (shape.labels.length === 0) find(none);
  return { observe: (value, set = none) => find(set).observe(value), with: find };
}

/** Values of one label set by bucket. prom-client hashes the labels at every value, this adds three numbers. */
class Distribution implements BoundHistogram {
  readonly labels: Labels;
  readonly #bounds: readonly number[];
  /** By bucket, the values above all bounds last. */
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(labels: Labels, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`not a value of a histogram: ${value}`);
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at += 1;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += value;
    this.#count += 1;
  }

  /** Nothing for a label set without values, unless it is the only one there can be. */
  *series(name: string): Generator<Sample> {
    const { labels } = this;
    if (this.#count === 0 && Object.keys(labels).length > 0) return;
    let below = 0;
    for (const [at, bound] of this.#bounds.entries()) {
      below += this.#counts[at] as number;
      yield { metricName: `${name}_bucket`, labels: { le: bound, ...labels }, value: below };
    }
    yield { metricName: `${name}_bucket`, labels: { le: "+Inf", ...labels }, value: this.#count };
    yield { metricName: `${name}_sum`, labels: { ...labels }, value: this.#sum };
    yield { metricName: `${name}_count`, labels: { ...labels }, value: this.#count };
  }
}

type Sample = { metricName: string; labels: Record<string, string | number>; value: number };

/** What the registry renders of distributions that are counted outside of prom-client. */
class CountedHistogram extends PromHistogram {
  readonly #shape: HistogramShape;
  readonly #all: readonly Distribution[];

  constructor(registry: Registry, shape: HistogramShape, all: readonly Distribution[]) {
    const { name, help, labels, buckets } = shape;
    super({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [registry] });
    this.#shape = shape;
    this.#all = all;
  }

  /** What the registry asks for at each render; the library's own types do not name it. */
  async getForPromString() {
    const { name, help } = this.#shape;
    const values = this.#all.flatMap((one) => [...one.series(name)]);
    return { name, help, type: "histogram", aggregator: "sum", values };
  }
}
