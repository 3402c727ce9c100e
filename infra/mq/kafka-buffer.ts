import type { KafkaMessage } from "kafkajs";
import { DecodedKafkaRecord, type Fetched, fetchedOf, KafkaRecord } from "./kafka-record.ts";
import type { PartitionLog, Read } from "./lane.ts";
import type { Topic } from "./mq.ts";
import { createRing } from "./ring.ts";

/** What was fetched of one partition and is not handled: the part of the log that a lane reads. */
export interface FetchBuffer<T> extends PartitionLog<T> {
  readonly records: number;
  readonly bytes: number;
  /** Takes fetched records; what came before is left out. A hole in the offsets is seen by the lane, which skips it and
   *  tells the group. */
  push(messages: readonly KafkaMessage[]): void;
  /** Forgets what is below `position`. */
  drop(position: number): void;
}

export function createFetchBuffer<T>(topic: Topic<T>, partition: number, start: number): FetchBuffer<T> {
  const ring = createRing<Fetched>();
  let bytes = 0;
  let next = start;

  return {
    get records() {
      return ring.length;
    },
    get bytes() {
      return bytes;
    },
    first: () => ring.at(0)?.offset ?? next,
    end: () => next,
    push(messages) {
      for (const message of messages) {
        const one = fetchedOf(message);
        if (one.offset < next) continue;
        ring.push(one);
        bytes += one.bytes;
        next = one.offset + 1;
      }
    },
    drop(position) {
      let count = 0;
      for (let one = ring.at(0); one !== undefined && one.offset < position; one = ring.at(count)) {
        bytes -= one.bytes;
        count++;
      }
      ring.drop(count);
    },
    read(from, recordsMax, bytesMax) {
      const records: Read<T>["records"] = [];
      let taken = 0;
      // The lane drops what it has finished, so `from` is the front.
      for (let i = 0; records.length < recordsMax; i++) {
        const one = ring.at(i);
        if (one === undefined || one.offset !== from + i) break;
        taken += one.bytes;
        if (taken > bytesMax && records.length > 0) break;
        try {
          records.push(
            new DecodedKafkaRecord(partition, one, topic.codec.decode(one.message.value ?? new Uint8Array())),
          );
        } catch (error) {
          // What comes before it is handled first.
          if (records.length > 0) break;
          const message = error instanceof Error ? error.message : String(error);
          return { records, broken: { record: new KafkaRecord(partition, one), message } };
        }
      }
      return { records };
    },
  };
}
