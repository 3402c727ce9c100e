import { DbError } from "./errors.ts";

/** What the pool must know of a connection. */
export interface Pooled {
  /** False once the connection is lost or was destroyed. */
  readonly alive: boolean;
  /** Rejects when the server does not answer. */
  ping(): Promise<void>;
  /** True when it was lost, not given up by us. */
  readonly lost: boolean;
  /** Ends the connection at once, whatever it does. */
  destroy(): void;
}

export interface PoolOptions {
  /** Connections at once. */
  openMax: number;
  /** Connections that are kept while nobody needs them. */
  idleMax: number;
  /** A connection is closed when it is older, ms … */
  lifetimeMs: number;
  /** … or unused for longer, ms. */
  idleMs: number;
  /** Takers that may wait; the next is refused. */
  waitingMax: number;
  /** A taker waits this long, ms. */
  waitMs: number;
  /** An idle connection is pinged this often, ms. */
  keepAliveMs: number;
}

interface Entry<C> {
  readonly connection: C;
  readonly bornMs: number;
  usedMs: number;
}

interface Taker<C> {
  resolve(connection: C): void;
  reject(error: unknown): void;
}

/** Keeps a bounded number of connections. All errors are DbError `unavailable`, or what `open` throws. */
export class Pool<C extends Pooled> {
  readonly #open: () => Promise<C>;
  readonly #options: PoolOptions;
  /** The last used is the last: those that are not needed grow old at the front. */
  #idle: Entry<C>[] = [];
  readonly #busy = new Map<C, Entry<C>>();
  readonly #takers: Taker<C>[] = [];
  #opening = 0;
  #closed = false;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(options: PoolOptions, open: () => Promise<C>) {
    this.#options = options;
    this.#open = open;
    this.#timer = setInterval(() => this.#tend(), Math.min(options.keepAliveMs, options.idleMs));
    this.#timer.unref();
  }

  get waiting(): number {
    return this.#takers.length;
  }

  get size(): number {
    return this.#idle.length + this.#busy.size + this.#opening;
  }

  /** A connection for one user, who must `give` it back. */
  take(): Promise<C> {
    if (this.#closed) return Promise.reject(new DbError("unavailable", "the database is closed"));
    const known = this.#takeIdle();
    if (known !== undefined) return Promise.resolve(known);
    const { waitingMax, waitMs } = this.#options;
    // Those for whom a connection is being opened do not count.
    if (this.#takers.length - this.#opening >= waitingMax) {
      return Promise.reject(new DbError("unavailable", `${waitingMax} users wait for a connection of the database`));
    }
    return this.#wait(waitMs);
  }

  /** Gives a connection back. One that is not alive any more is forgotten; when it was lost, so are the idle ones, which may
   *  have gone the same way unnoticed. */
  give(connection: C): void {
    const entry = this.#busy.get(connection);
    if (entry === undefined) return;
    this.#busy.delete(connection);
    if (connection.alive) {
      entry.usedMs = performance.now();
      this.#offer(entry);
    } else if (connection.lost) {
      this.#dropIdle();
    }
    this.#grow();
  }

  /** Refuses new takers, waits for those that hold a connection, then ends all connections. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const taker of this.#takers.splice(0)) taker.reject(new DbError("unavailable", "the database is closed"));
    const untilMs = performance.now() + this.#options.waitMs;
    while (this.#busy.size + this.#opening > 0 && performance.now() < untilMs) await Bun.sleep(5);
    this.#dropIdle();
    for (const connection of this.#busy.keys()) connection.destroy();
  }

  #wait(waitMs: number): Promise<C> {
    const { promise, resolve, reject } = Promise.withResolvers<C>();
    const taker: Taker<C> = { resolve, reject };
    const timer = setTimeout(() => {
      this.#takers.splice(this.#takers.indexOf(taker), 1);
      reject(new DbError("unavailable", `no connection of the database was free for ${waitMs} ms`));
    }, waitMs);
    this.#takers.push(taker);
    this.#grow();
    return promise.finally(() => clearTimeout(timer));
  }

  #takeIdle(): C | undefined {
    for (let entry = this.#idle.pop(); entry !== undefined; entry = this.#idle.pop()) {
      if (!entry.connection.alive) continue;
      this.#busy.set(entry.connection, entry);
      return entry.connection;
    }
    return undefined;
  }

  #offer(entry: Entry<C>): void {
    const tooOld = performance.now() - entry.bornMs > this.#options.lifetimeMs;
    const taker = tooOld || this.#closed ? undefined : this.#takers.shift();
    if (taker !== undefined) {
      this.#busy.set(entry.connection, entry);
      taker.resolve(entry.connection);
    } else if (tooOld || this.#closed || this.#idle.length >= this.#options.idleMax) {
      entry.connection.destroy();
    } else {
      this.#idle.push(entry);
    }
  }

  /** Opens as many connections as takers wait for, within the bound. */
  #grow(): void {
    while (!this.#closed && this.#opening < this.#takers.length && this.size < this.#options.openMax) {
      this.#opening += 1;
      void this.#openOne();
    }
  }

  /** Never rejects. A failure is told to one taker: each takes part in one attempt. */
  async #openOne(): Promise<void> {
    try {
      const connection = await this.#open();
      this.#opening -= 1;
      const nowMs = performance.now();
      this.#offer({ connection, bornMs: nowMs, usedMs: nowMs });
    } catch (error) {
      this.#opening -= 1;
      this.#takers.shift()?.reject(error);
      this.#grow();
    }
  }

  #dropIdle(): void {
    for (const { connection } of this.#idle.splice(0)) connection.destroy();
  }

  /** Closes what is too old and asks the others whether they are still there; meanwhile they count as busy. */
  #tend(): void {
    const { lifetimeMs, idleMs } = this.#options;
    const nowMs = performance.now();
    for (const entry of this.#idle.splice(0)) {
      const { connection, bornMs, usedMs } = entry;
      if (!connection.alive) continue;
      if (nowMs - bornMs > lifetimeMs || nowMs - usedMs > idleMs) connection.destroy();
      else void this.#ping(entry);
    }
  }

  /** Never rejects. */
  async #ping(entry: Entry<C>): Promise<void> {
    const { connection } = entry;
    this.#busy.set(connection, entry);
    await connection.ping().catch(() => connection.destroy());
    this.#busy.delete(connection);
    if (connection.alive) this.#offer(entry);
    this.#grow();
  }
}
