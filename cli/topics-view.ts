import type { KafkaSettings } from "#infra/mq/config.ts";
import type { KafkaAdmin } from "#infra/mq/kafka-admin.ts";
import { deadLetterTopic, type Topic } from "#infra/mq/mq.ts";
import { topics } from "#proto/topics.ts";
import type { TopicsOptions } from "./topics-options.ts";

/** What a verb of `gochat topics` works with. */
export interface TopicsContext {
  readonly admin: KafkaAdmin;
  readonly settings: KafkaSettings;
  readonly options: TopicsOptions;
  /** What is defined, dead letters among them. */
  readonly topics: readonly Topic<unknown>[];
  readonly signal: AbortSignal | undefined;
  print(line: string): void;
}

/** Answers the exit code. Rejects with the client's errors. */
export type Verb = (context: TopicsContext) => Promise<number>;

/** What the names of the project's topics begin with. */
export const topicPrefix = "gochat.";

/** Every topic of an installation but the gateways' own (each gateway makes its own), with its dead letters. */
export function installedTopics(): Topic<unknown>[] {
  // Every topic has a value type of its own; here only name, size and age matter.
  const all = Object.values(topics) as unknown as Topic<unknown>[];
  return all.flatMap((topic) => (topic.deadLetter ? [topic, deadLetterTopic(topic)] : [topic]));
}

export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
