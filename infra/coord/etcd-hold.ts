import type { Logger } from "../clog/clog.ts";
import { CoordUnavailableError, leaseTtlMs, type Watch } from "./coord.ts";
import type { EtcdKv, KeyValue, Range } from "./etcd-kv.ts";
import { type Granted, grantLease, type Keeper, keepLease } from "./etcd-lease.ts";
import { openMirror } from "./etcd-mirror.ts";

/** What all that is held through one coord has in common. */
export interface HoldDeps {
  readonly kv: EtcdKv;
  readonly clog: Logger;
  /** Unix ms. */
  readonly clock: () => number;
  /** Everything held; dispose ends it. */
  readonly held: Set<Hold>;
  /** Aborts at dispose. */
  readonly closing: AbortSignal;
}

export interface HoldOptions {
  readonly key: string;
  readonly granted: Granted;
  /** `regain`: a lapsed key that nobody else took is written anew. `lose`: it is lost as soon as it may have lapsed. */
  readonly onLapse: "regain" | "lose";
  /** What the key holds when it is written anew. */
  value(): string;
  /** See RegisterOptions. What it throws is logged. */
  onRegained?(): void;
  /** Watched instead of the key alone; `onChange` is told of it. */
  readonly around?: Range;
  onChange?(all: readonly KeyValue[]): void;
}

/** A key that is bound to a lease of ours, already written. */
export interface Hold {
  readonly key: string;
  readonly lease: string;
  readonly lost: AbortSignal;
  /** −∞ once released or lost. */
  lastConfirmedMs(): number;
  /** Gives it back; gives up after a few seconds without etcd, where the lease ends by itself. */
  release(): Promise<void>;
  /** As release, but `lost` aborts. */
  end(reason: Error): Promise<void>;
}

/** Leases that were tried for one key, kept to know our own attempts (the answer may have been lost) from others'. */
const ownLeasesMax = 16;

/** Keeps the lease of a key, and notices when the key is gone or another's. */
export async function holdKey(options: HoldOptions, deps: HoldDeps): Promise<Hold> {
  const holding = new Holding(options, deps);
  deps.held.add(holding);
  try {
    await holding.start();
  } catch (error) {
    await holding.release();
    throw error;
  }
  return holding;
}

class Holding implements Hold {
  readonly key: string;
  readonly #options: HoldOptions;
  readonly #deps: HoldDeps;
  readonly #keeper: Keeper;
  readonly #gone = new AbortController();
  readonly #own: string[];
  #watch: Watch | undefined;
  #over = false;
  #given: Promise<void> | undefined;

  constructor(options: HoldOptions, deps: HoldDeps) {
    this.key = options.key;
    this.#options = options;
    this.#deps = deps;
    this.#own = [options.granted.lease];
    this.#keeper = keepLease({
      ...deps,
      granted: options.granted,
      gone: () => this.#lapsed(),
      unconfirmed: () => {
        if (options.onLapse === "lose") this.#lose(new CoordUnavailableError("the lease was not confirmed in time"));
      },
      regained: () => this.#regained(),
    });
  }

  get lease(): string {
    return this.#keeper.current.lease;
  }

  get lost(): AbortSignal {
    return this.#gone.signal;
  }

  async start(): Promise<void> {
    const range = this.#options.around ?? { key: this.key, prefix: false };
    const watch = await openMirror(range, (all) => this.#see(all), { ...this.#deps, signal: this.#deps.closing });
    this.#watch = watch;
    if (this.#over) await watch.close();
  }

  lastConfirmedMs(): number {
    return this.#over ? Number.NEGATIVE_INFINITY : this.#keeper.current.confirmedMs;
  }

  release(): Promise<void> {
    this.#over = true;
    this.#deps.held.delete(this);
    this.#given ??= this.#giveBack();
    return this.#given;
  }

  end(reason: Error): Promise<void> {
    if (!this.#over) {
      this.#over = true;
      this.#gone.abort(reason);
    }
    return this.release();
  }

  #see(all: readonly KeyValue[]): void {
    if (this.#over) return;
    const kv = all.find((one) => one.key === this.key);
    if (kv === undefined) {
      if (this.#options.onLapse === "lose") this.#lose(new Error("the lease lapsed"));
      else this.#keeper.poke(true);
    } else if (!this.#own.includes(kv.lease)) {
      this.#lose(new Error(`another process has ${this.key}`));
    }
    if (!this.#over) this.#options.onChange?.(all);
  }

  async #lapsed(): Promise<Granted | undefined> {
    if (this.#over) return undefined;
    if (this.#options.onLapse === "lose") {
      this.#lose(new Error("the lease lapsed"));
      return undefined;
    }
    const { kv, clog, clock } = this.#deps;
    const granted = await grantLease(kv, leaseTtlMs, clock);
    this.#own.push(granted.lease);
    if (this.#own.length > ownLeasesMax) this.#own.shift();
    const absent = { key: this.key, prefix: false };
    if ((await kv.putIf({ absent }, this.key, this.#options.value(), granted.lease)) !== undefined) {
      clog.info("regained what had lapsed", { key: this.key });
      return granted;
    }
    await kv.revoke(granted.lease);
    const [there] = (await kv.list(absent)).all;
    // Gone again meanwhile, or an attempt of ours whose answer was lost.
    if (there === undefined) throw new CoordUnavailableError(`${this.key} changes hands`);
    if (!this.#own.includes(there.lease)) {
      this.#lose(new Error(`another process has ${this.key}`));
      return undefined;
    }
    const confirmedMs = clock();
    const ttlMs = await kv.keepAlive(there.lease);
    if (ttlMs === 0) throw new CoordUnavailableError(`${this.key} is lapsing`);
    return { lease: there.lease, ttlMs, confirmedMs };
  }

  #regained(): void {
    if (this.#over) return;
    try {
      this.#options.onRegained?.();
    } catch (err) {
      this.#deps.clog.error("what follows a regained lease failed", { key: this.key, err });
    }
  }

  #lose(reason: Error): void {
    void this.end(reason);
  }

  /** Never rejects. */
  async #giveBack(): Promise<void> {
    const { kv, clog } = this.#deps;
    // First of all nothing may be regained any more.
    await this.#keeper.stop();
    const revoked = this.#own.map((lease) =>
      kv.revoke(lease).catch((err: unknown) => {
        clog.warn("a lease could not be given back; it ends by itself", { key: this.key, err });
      }),
    );
    await Promise.all([...revoked, this.#watch?.close()]);
  }
}
