import type { Admin, Consumer, EachBatchPayload, Kafka } from "kafkajs";
import type { Logger } from "../clog/clog.ts";
import { backoffMs } from "./backoff.ts";
import type { KafkaSettings } from "./config.ts";
import { type ConsumerDeps, drainLanes, laneContext } from "./consumer.ts";
import { perTopicAssigner } from "./kafka-assigner.ts";
import { createFetchBuffer, type FetchBuffer } from "./kafka-buffer.ts";
import { retryOf } from "./kafka-client.ts";
import { createCommits } from "./kafka-commits.ts";
import { placesOf, startOf } from "./kafka-positions.ts";
import { messageOf } from "./kafka-topics.ts";
import { createLane, type Lane } from "./lane.ts";
import { type Handler, MqUnavailableError, type SubscribeOptions, type Subscription, type Topic } from "./mq.ts";

export interface KafkaConsumerDeps extends ConsumerDeps {
  readonly kafka: Kafka;
  readonly admin: Admin;
  readonly settings: KafkaSettings;
}

/** A partition that is assigned to this process. */
interface Held<T> {
  readonly buffer: FetchBuffer<T>;
  readonly lane: Lane;
  /** As the last fetch said. */
  highWatermark: number;
  /** Fetching rests until the handler has caught up. */
  resting: boolean;
}

/** Joining again waits 100 ms × 2 … 1.6 s: brokers that are back are to be found at once. */
const rejoinDoublingsMax = 5;

/** A subscription is refused when so many of its first joins failed. */
const firstJoinsMax = 3;

/** The client's own repeats before a consumer is given up and made anew. */
const fetchRetries = 3;

export interface KafkaSubscription extends Subscription {
  /** Why nothing is delivered at the moment, if so. */
  problem(): string | undefined;
}

/** Fetches into bounded buffers, one lane per partition reads them: handlers never run inside the client's callback, so
 *  heartbeats go on, and no partition waits for another. Rejects when the group cannot be joined. */
export async function startKafkaConsumer<T>(
  topic: Topic<T>,
  options: SubscribeOptions,
  handler: Handler<T>,
  deps: KafkaConsumerDeps,
): Promise<KafkaSubscription> {
  const consumer = new GroupMember(topic, options, handler, deps);
  await consumer.start();
  return {
    lag: () => consumer.lag(),
    problem: () => consumer.problem,
    [Symbol.asyncDispose]: () => consumer.close(),
  };
}

class GroupMember<T> {
  /** Why nothing is delivered at the moment. */
  problem: string | undefined = "not joined yet";
  private readonly topic: Topic<T>;
  private readonly options: SubscribeOptions;
  private readonly deps: KafkaConsumerDeps;
  private readonly clog: Logger;
  private readonly abort = new AbortController();
  private readonly context: ReturnType<typeof laneContext<T>>;
  private readonly instruments: ReturnType<ConsumerDeps["instruments"]["forGroup"]>;
  private readonly commits: ReturnType<typeof createCommits>;
  private readonly held = new Map<number, Held<T>>();
  /** Lanes of partitions that were taken away, until their batch has ended. */
  private readonly leaving = new Map<number, Promise<void>>();
  private consumer: Consumer | undefined;
  /** Counts assignments: work begun for an older one stops. */
  private generation = 0;
  private crashes = 0;
  private bytes = 0;
  private readonly ready = Promise.withResolvers<void>();
  private isReady = false;
  private cancelRestart: (() => void) | undefined;
  private closed: Promise<void> | undefined;

  constructor(topic: Topic<T>, options: SubscribeOptions, handler: Handler<T>, deps: KafkaConsumerDeps) {
    this.topic = topic;
    this.options = options;
    this.deps = deps;
    this.clog = deps.clog.with({ topic: topic.name, group: options.group });
    this.instruments = deps.instruments.forGroup(topic.name, options.group);
    this.commits = createCommits((positions) => this.commit(positions), deps.clock, this.clog);
    this.context = laneContext(topic, options, handler, {
      ...deps,
      clog: this.clog,
      instruments: this.instruments,
      signal: this.abort.signal,
      dropped: (count) => deps.instruments.dropped(topic.name, "no_dlq", count),
      moved: (partition, position, mark) => this.moved(partition, position, mark),
    });
  }

  /** Resolves when the group has its position. */
  async start(): Promise<void> {
    await this.join();
    await this.ready.promise;
  }

  async lag(): Promise<number> {
    const places = await placesOf(this.deps.admin, this.topic.name, this.options);
    let records = 0;
    for (const [partition, place] of places) {
      const lane = this.held.get(partition)?.lane;
      const position = lane?.position ?? startOf(place, this.options.from).start;
      records += Math.max(0, place.high - position) + (lane?.held ?? 0);
    }
    return records;
  }

  close(): Promise<void> {
    this.closed ??= this.ends();
    return this.closed;
  }

  private async ends(): Promise<void> {
    const { drainMs } = this.deps;
    this.cancelRestart?.();
    await drainLanes(
      [...this.held.values()].map(({ lane }) => lane),
      this.abort,
      { ...this.deps, clog: this.clog },
    );
    await Promise.all(this.leaving.values());
    if (this.problem === undefined) await this.commits.flushed(drainMs);
    this.commits.close();
    this.generation++;
    await this.leave();
  }

  private async leave(): Promise<void> {
    const { consumer } = this;
    this.consumer = undefined;
    await consumer?.disconnect().catch((error: unknown) => this.clog.debug("consumer left badly", { err: error }));
  }

  /** Makes a consumer and lets it join. What goes wrong comes as a crash. */
  private async join(): Promise<void> {
    const { settings, kafka } = this.deps;
    const consumer = kafka.consumer({
      groupId: this.options.group,
      partitionAssigners: [perTopicAssigner],
      sessionTimeout: settings.sessionTimeout,
      heartbeatInterval: settings.heartbeat,
      rebalanceTimeout: settings.rebalanceTimeout,
      minBytes: 1,
      maxBytes: settings.fetchBytes,
      maxBytesPerPartition: settings.partitionBytes,
      maxWaitTimeInMs: settings.fetchWait,
      allowAutoTopicCreation: false,
      // A consumer that gave up is made anew by us, whatever the reason was: the client gives up some for ever.
      retry: { ...retryOf(fetchRetries), restartOnFailure: () => Promise.resolve(false) },
    });
    this.consumer = consumer;
    const mine = <E>(run: (event: E) => void) => {
      return (event: E): void => {
        if (this.consumer === consumer) run(event);
      };
    };
    consumer.on(
      consumer.events.GROUP_JOIN,
      mine(({ payload }) => this.joined(consumer, payload.memberAssignment[this.topic.name] ?? [])),
    );
    consumer.on(
      consumer.events.CRASH,
      mine(({ payload }) => this.crashed(payload.error)),
    );
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [this.topic.name], fromBeginning: this.options.from === "earliest" });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 1,
        eachBatch: (payload) => this.fetched(consumer, payload),
      });
      // Given up while it was joining.
      if (this.consumer !== consumer) await consumer.disconnect();
    } catch (error) {
      if (this.consumer === consumer) this.crashed(error);
    }
  }

  // Called before the client fetches for the new assignment, and has to say where from in this very turn.
  private joined(consumer: Consumer, assigned: readonly number[]): void {
    this.generation++;
    this.crashes = 0;
    this.problem = undefined;
    for (const partition of this.held.keys()) if (!assigned.includes(partition)) this.revoke(partition);
    this.commits.retain(assigned);
    const fresh: number[] = [];
    for (const partition of assigned) {
      const held = this.held.get(partition);
      if (held === undefined) {
        fresh.push(partition);
        continue;
      }
      // Goes on behind what it has, not behind what was committed last.
      consumer.seek({ topic: this.topic.name, partition, offset: String(held.buffer.end()) });
      this.rest(partition, held, held.resting);
    }
    if (fresh.length > 0) consumer.pause([{ topic: this.topic.name, partitions: fresh }]);
    if (this.isReady) this.reset(`the group was rebalanced, partitions ${assigned.join(", ") || "none"} are here`);
    void this.position(consumer, fresh, this.generation);
  }

  /** Finds out where new partitions begin, until it succeeds or the assignment is an older one. Never rejects. */
  private async position(consumer: Consumer, partitions: readonly number[], generation: number): Promise<void> {
    for (let tries = 1; generation === this.generation; tries++) {
      try {
        const places = await placesOf(this.deps.admin, this.topic.name, this.options);
        await Promise.all(this.leaving.values());
        if (generation !== this.generation) return;
        for (const partition of partitions) {
          const place = places.get(partition);
          if (place === undefined) throw new Error(`partition ${partition} has no offsets`);
          const { start, lost } = startOf(place, this.options.from);
          if (lost) this.reset(`offset ${place.committed} of partition ${partition} is out of range`);
          this.hold(partition, start, place.high);
          // "end" is a position like any other: what comes now belongs to this group, also after a restart.
          if (this.options.commits && place.committed !== start) this.commits.moved(partition, start);
          consumer.seek({ topic: this.topic.name, partition, offset: String(start) });
        }
        if (partitions.length > 0) consumer.resume([{ topic: this.topic.name, partitions: [...partitions] }]);
        this.isReady = true;
        this.ready.resolve();
        return;
      } catch (error) {
        this.clog.warn("the group's position cannot be read yet", { reason: messageOf(error), tries });
        const delayMs = backoffMs(tries, this.deps.random);
        await new Promise<void>((resolve) => this.deps.clock.after(delayMs, resolve));
      }
    }
  }

  private hold(partition: number, start: number, highWatermark: number): void {
    const buffer = createFetchBuffer(this.topic, partition, start);
    const lane = createLane(partition, start, buffer, this.context);
    this.held.set(partition, { buffer, lane, highWatermark, resting: false });
  }

  private revoke(partition: number): void {
    const held = this.held.get(partition);
    if (held === undefined) return;
    this.held.delete(partition);
    this.bytes -= held.buffer.bytes;
    const leaving = held.lane.close().then(() => {
      if (this.leaving.get(partition) === leaving) this.leaving.delete(partition);
    });
    this.leaving.set(partition, leaving);
  }

  private async fetched(consumer: Consumer, { batch, resolveOffset, isStale }: EachBatchPayload): Promise<void> {
    const { partition } = batch;
    const held = this.held.get(partition);
    // Not resolved: it is fetched again when the partition has its place.
    if (this.consumer !== consumer || held === undefined || isStale()) return;
    const end = held.buffer.end();
    held.highWatermark = Number(batch.highWatermark);
    if (held.highWatermark < end) {
      this.restart(consumer, partition, end);
      return;
    }
    const before = held.buffer.bytes;
    held.buffer.push(batch.messages);
    this.bytes += held.buffer.bytes - before;
    resolveOffset(batch.lastOffset());
    held.lane.wake();
    if (this.full(held)) this.rest(partition, held, true);
  }

  /** The log is shorter than what was read of it: it was made anew, or lost its end. */
  private restart(consumer: Consumer, partition: number, end: number): void {
    this.reset(`partition ${partition} ends before offset ${end}, which was read already`);
    this.revoke(partition);
    consumer.pause([{ topic: this.topic.name, partitions: [partition] }]);
    void this.position(consumer, [partition], this.generation);
  }

  private full({ buffer }: Held<T>): boolean {
    const { recordsMax, bytesMax } = this.options;
    return (
      buffer.records >= 2 * recordsMax || buffer.bytes >= 2 * bytesMax || this.bytes >= this.deps.settings.bufferBytes
    );
  }

  private rest(partition: number, held: Held<T>, resting: boolean): void {
    held.resting = resting;
    const partitions = [{ topic: this.topic.name, partitions: [partition] }];
    // Between two consumers there is nobody to tell; the next one is told when it joins.
    if (this.consumer === undefined || this.problem !== undefined) return;
    if (resting) this.consumer.pause(partitions);
    else this.consumer.resume(partitions);
  }

  private moved(partition: number, position: number, mark: number): void {
    const held = this.held.get(partition);
    // Taken away while its batch was handled: the next owner commits.
    if (held === undefined) return;
    if (this.options.commits) this.commits.moved(partition, mark);
    const before = held.buffer.bytes;
    held.buffer.drop(position);
    this.bytes -= before - held.buffer.bytes;
    const roomy = this.bytes < this.deps.settings.bufferBytes;
    let lag = 0;
    for (const [other, one] of this.held) {
      lag += Math.max(0, Math.max(one.highWatermark, one.buffer.end()) - one.lane.position) + one.lane.held;
      const { buffer, resting } = one;
      const drained = buffer.records <= this.options.recordsMax && buffer.bytes <= this.options.bytesMax;
      if (resting && drained && roomy) this.rest(other, one, false);
    }
    this.instruments.lag(lag);
  }

  private async commit(positions: ReadonlyMap<number, number>): Promise<void> {
    if (this.consumer === undefined || this.problem !== undefined) throw new Error("the group is not joined");
    const topic = this.topic.name;
    await this.consumer.commitOffsets(
      [...positions].map(([partition, position]) => ({ topic, partition, offset: String(position) })),
    );
  }

  private crashed(error: unknown): void {
    this.problem = messageOf(error);
    this.generation++;
    void this.leave();
    if (this.closed !== undefined) return;
    this.crashes++;
    if (!this.isReady && this.crashes >= firstJoinsMax) {
      this.ready.reject(new MqUnavailableError(`group ${this.options.group} cannot be joined: ${this.problem}`));
      void this.close();
      return;
    }
    const delayMs = backoffMs(Math.min(this.crashes, rejoinDoublingsMax), this.deps.random);
    const fields = { reason: this.problem, delay_ms: Math.round(delayMs) };
    if (this.crashes === 1) this.clog.warn("consumer lost the brokers, joining again", fields);
    else this.clog.debug("consumer cannot join yet", fields);
    this.cancelRestart = this.deps.clock.after(delayMs, () => void this.join());
  }

  private reset(reason: string): void {
    this.context.events.reset(reason);
  }
}
