import type { UpstreamMessage } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";

/** Bounds of the joined work. */
export interface UpstreamJoinOptions {
  /** Sends in one commit, at most. */
  readonly messagesMax: number;
  /** Bytes in one commit, at most, by `sizeOf`. */
  readonly bytesMax: number;
  /** Commits at once, at most: what one that hangs may leave to the others. */
  readonly commitsMax: number;
  /** A commit that takes longer no longer holds up the next one, ms. */
  readonly patienceMs: number;
}

/** What partitions brought together, to be committed as one. */
export interface JoinedSends {
  readonly sends: readonly UpstreamMessage[];
  /** The first sampled trace. */
  readonly parent: string | undefined;
}

export interface UpstreamJoinDeps<C, O> {
  sizeOf(send: UpstreamMessage): number;
  commit(joined: JoinedSends): Promise<C>;
  /** Produces what the commit owes; one outcome per send of it, in their order. */
  deliver(committed: C): Promise<readonly O[]>;
  /** Whether a failed commit may be the fault of some of its sends: then each partition's are committed alone. */
  isOwnFault(error: unknown): boolean;
}

/** Joins the batches of all partitions of this process: one commit is in flight, and what partitions bring meanwhile is
 *  the next one, in the order of their coming. The database then pays for a transaction once, and not once a partition.
 *  Each partition has one batch in here at a time, so its order is kept. */
export interface UpstreamJoin<O> {
  /** Resolves after the commit and the produces, with one outcome per send. Rejects as `commit` or `deliver` did. At most
   *  as many calls may wait as there are partitions. */
  handle(sends: readonly UpstreamMessage[], parent: string | undefined): Promise<readonly O[]>;
}

interface Waiting<O> extends JoinedSends {
  readonly bytes: number;
  readonly resolve: (outcomes: readonly O[]) => void;
  readonly reject: (error: unknown) => void;
}

export function createUpstreamJoin<C, O>(options: UpstreamJoinOptions, deps: UpstreamJoinDeps<C, O>): UpstreamJoin<O> {
  const { messagesMax, bytesMax, commitsMax, patienceMs } = options;
  let queue: Waiting<O>[] = [];
  let commits = 0;
  let startedMs = 0;
  let scheduled = false;
  let patience: ReturnType<typeof setTimeout> | undefined;

  function take(): Waiting<O>[] {
    let count = 0;
    let messages = 0;
    let bytes = 0;
    for (const waiting of queue) {
      messages += waiting.sends.length;
      bytes += waiting.bytes;
      if (count > 0 && (messages > messagesMax || bytes > bytesMax)) break;
      count += 1;
    }
    const taken = queue.slice(0, count);
    queue = queue.slice(count);
    return taken;
  }

  async function commitOf(sends: JoinedSends): Promise<C> {
    commits += 1;
    startedMs = performance.now();
    try {
      return await deps.commit(sends);
    } finally {
      commits -= 1;
      begin();
    }
  }

  /** Never rejects. */
  async function run(batch: readonly Waiting<O>[]): Promise<void> {
    try {
      const outcomes = await deps.deliver(await commitOf(joined(batch)));
      let from = 0;
      for (const { sends, resolve } of batch) {
        resolve(batch.length === 1 ? outcomes : outcomes.slice(from, from + sends.length));
        from += sends.length;
      }
    } catch (error) {
      if (batch.length > 1 && deps.isOwnFault(error)) for (const one of batch) await run([one]);
      else for (const { reject } of batch) reject(error);
    }
  }

  function begin(): void {
    clearTimeout(patience);
    patience = undefined;
    while (queue.length > 0 && commits < commitsMax) {
      const leftMs = commits === 0 ? 0 : patienceMs - (performance.now() - startedMs);
      if (leftMs > 0) {
        patience = setTimeout(begin, leftMs);
        return;
      }
      void run(take());
    }
  }

  return {
    handle(sends, parent) {
      let bytes = 0;
      for (const send of sends) bytes += deps.sizeOf(send);
      return new Promise((resolve, reject) => {
        queue.push({ sends, parent, bytes, resolve, reject });
        if (scheduled) return;
        scheduled = true;
        // After the turn: what it brings to the other partitions joins the same commit.
        setImmediate(() => {
          scheduled = false;
          begin();
        });
      });
    },
  };
}

function joined(batch: readonly JoinedSends[]): JoinedSends {
  const [only] = batch;
  if (batch.length === 1 && only !== undefined) return only;
  const sends: UpstreamMessage[] = [];
  let parent: string | undefined;
  for (const one of batch) {
    for (const send of one.sends) sends.push(send);
    parent ??= one.parent;
  }
  return { sends, parent };
}
