import { parseArgs } from "node:util";
import { BenchUsageError, whole } from "./options.ts";

/** What `gochat bench mq` may be told. */
export interface MqOptions {
  /** Records per driver and round, 1,000…10,000,000. */
  records: number;
  /** Bytes of a value, 16…65,536. */
  size: number;
  /** Records of one send, 1…500: 500 is a full batch. */
  batch: number;
  /** 1…16. */
  partitions: number;
  /** Interleaved rounds, 1…9; the figure of a driver is that of its median round. */
  rounds: number;
  /** A broker, `host:port`; without one Kafka is left out. */
  kafka: string | undefined;
  json: string | undefined;
}

export function parseMqOptions(args: readonly string[], env: Readonly<Record<string, string | undefined>>): MqOptions {
  const { values } = parsed(args);
  return {
    records: whole("records", values.records, 1000, 10_000_000),
    size: whole("size", values.size, 16, 65_536),
    batch: whole("batch", values.batch, 1, 500),
    partitions: whole("partitions", values.partitions, 1, 16),
    rounds: whole("rounds", values.rounds, 1, 9),
    kafka: values.kafka ?? firstOf(env.GOCHAT_MQ__KAFKA__BROKERS) ?? firstOf(env.GOCHAT_TEST_KAFKA),
    json: values.json,
  };
}

function firstOf(list: string | undefined): string | undefined {
  return list?.split(",").find((one) => one !== "");
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        records: { type: "string", default: "50000" },
        size: { type: "string", default: "200" },
        batch: { type: "string", default: "500" },
        partitions: { type: "string", default: "6" },
        rounds: { type: "string", default: "3" },
        kafka: { type: "string" },
        json: { type: "string" },
      },
    });
  } catch (error) {
    throw new BenchUsageError(error instanceof Error ? error.message : String(error));
  }
}
