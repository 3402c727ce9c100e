import { DbError } from "./errors.ts";

export interface LinkOptions {
  /** Ends the socket at once. */
  close(): void;
  /** Has the server end what it still does for this connection: it does not look at a closed socket while it works. */
  abandon(): void;
  classify(error: unknown): unknown;
  /** Told of every statement: its text without values, and how long it took, ms. */
  took(label: string, ms: number): void;
}

/** The life of one connection to a server: who waits for an answer is told when the connection is lost or destroyed. */
export class Link {
  readonly #options: LinkOptions;
  readonly #waiting = new Set<(reason: unknown) => void>();
  #ended: DbError | undefined;
  #lost = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  /** Runs one statement. Rejects with what `classify` says, with DbError `unavailable` once the connection is lost. */
  run<T>(label: string, work: () => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise<T>((resolve, reject) => {
      const startMs = performance.now();
      this.#waiting.add(reject);
      const done = (): void => {
        this.#waiting.delete(reject);
        this.#options.took(label, performance.now() - startMs);
      };
      work().then(
        (value) => {
          done();
          resolve(value);
        },
        (error: unknown) => {
          done();
          reject(this.#options.classify(error));
        },
      );
    });
  }

  get lost(): boolean {
    return this.#lost;
  }

  /** Ends the connection; whoever waits for it is told `reason`. Without a reason it is given up, not lost. */
  destroy(reason?: DbError): void {
    if (this.#ended !== undefined) return;
    this.#lost = reason !== undefined;
    this.#ended = reason ?? new DbError("unavailable", "the connection to the database was closed");
    this.#options.close();
    for (const reject of this.#waiting) reject(this.#ended);
    this.#waiting.clear();
  }

  /** Destroys the connection when `work` has not ended after `limitMs`. */
  async limited<T>(limitMs: number, what: string, work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      if (!this.alive) return;
      this.destroy(new DbError("unavailable", `${what} took longer than ${limitMs} ms`));
      this.#options.abandon();
    }, limitMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
    }
  }
}
