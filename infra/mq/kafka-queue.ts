import type { Message } from "kafkajs";

/** One call of `send`: ends when all its records have. */
export class Call {
  readonly promise: Promise<void>;
  private left: number;
  private resolve: () => void = () => {};
  private reject: (error: Error) => void = () => {};

  constructor(records: number) {
    this.left = records;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  done(records: number): void {
    this.left -= records;
    if (this.left === 0) this.resolve();
  }

  failed(error: Error): void {
    this.reject(error);
  }
}

/** A record on its way. */
export interface Pending {
  readonly message: Message;
  readonly bytes: number;
  readonly call: Call;
}

/** What waits for one topic partition, in the order of the calls. One batch of it is in flight. */
export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  /** Broker that leads it, as far as known: what goes to one broker shares a request. */
  leader: number;
  /** Since when a batch is in flight; undefined when none is. */
  sinceMs: number | undefined;
  private waiting: Pending[] = [];

  constructor(topic: string, partition: number, leader: number) {
    this.topic = topic;
    this.partition = partition;
    this.leader = leader;
  }

  get empty(): boolean {
    return this.waiting.length === 0;
  }

  push(one: Pending): void {
    this.waiting.push(one);
  }

  /** The next batch: up to `recordsMax` and `bytesMax`, at least one record. */
  take(recordsMax: number, bytesMax: number): Batched {
    let bytes = 0;
    let count = 0;
    for (const one of this.waiting) {
      if (count === recordsMax || (count > 0 && bytes + one.bytes > bytesMax)) break;
      bytes += one.bytes;
      count++;
    }
    const pending = count === this.waiting.length ? this.waiting : this.waiting.splice(0, count);
    if (pending === this.waiting) this.waiting = [];
    return { queue: this, pending, bytes };
  }
}

export interface Batched {
  readonly queue: PartitionQueue;
  readonly pending: readonly Pending[];
  readonly bytes: number;
}

/** A topic that is sent to. */
export interface OutTopic {
  readonly name: string;
  /** Empty until the brokers were asked. */
  queues: PartitionQueue[];
  /** Taken and not acknowledged. */
  records: number;
  bytes: number;
  /** Where the next record without a key goes. */
  spread: number;
}
