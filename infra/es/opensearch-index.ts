import { parseSnowflake } from "../uid/uid.ts";
import type { SearchDocument } from "./es.ts";

/** The index in which a message lives, by the time in its id: `{alias}-{YYYYMM}`, UTC. Content and edits never move it. */
export function indexOf(alias: string, messageId: string): string {
  const made = new Date(parseSnowflake(BigInt(messageId)).timestampMs).toISOString();
  return `${alias}-${made.slice(0, 4)}${made.slice(5, 7)}`;
}

/** What every month's index is made from. Chinese, Japanese and Korean are indexed as single characters and pairs and looked for as pairs in a row, so
 *  any run of them is found; other words are found whole. */
export function templateOf(options: { index: string; shards: number; replicas: number }): unknown {
  const filters = ["cjk_width", "lowercase"];
  return {
    index_patterns: [`${options.index}-*`],
    priority: 100,
    template: {
      aliases: { [options.index]: {} },
      settings: {
        number_of_shards: options.shards,
        number_of_replicas: options.replicas,
        analysis: {
          filter: { cjk_both: { type: "cjk_bigram", output_unigrams: true } },
          analyzer: {
            message_index: { type: "custom", tokenizer: "standard", filter: [...filters, "cjk_both"] },
            message_search: { type: "custom", tokenizer: "standard", filter: [...filters, "cjk_bigram"] },
          },
        },
      },
      mappings: {
        dynamic: false,
        properties: {
          // A number, so that messages of one instant have an order.
          message_id: { type: "long" },
          conversation_id: { type: "keyword" },
          sender_id: { type: "keyword" },
          message_type: { type: "integer" },
          content: { type: "text", analyzer: "message_index", search_analyzer: "message_search" },
          created_at: { type: "date", format: "epoch_millis" },
        },
      },
    },
  };
}

/** The two lines of a document in a bulk. The version is the index's own, so it refuses what is older. */
export function bulkLines(alias: string, document: SearchDocument): string {
  const { messageId, conversationId, senderId, type, content, createdAtMs, version } = document;
  const action = {
    index: {
      _index: indexOf(alias, messageId),
      _id: messageId,
      // A seq is far below 2^53.
      version: Number(version),
      version_type: "external",
    },
  };
  const source = {
    message_id: messageId,
    conversation_id: conversationId,
    sender_id: senderId,
    message_type: type,
    content: content.toWellFormed(),
    created_at: createdAtMs,
  };
  return `${JSON.stringify(action)}\n${JSON.stringify(source)}\n`;
}
