import type { ForwardedFrom, Reaction } from "#proto/gen/gochat/common/v1/message_pb.ts";

/** The server's own JSON object of a message row. Only this service writes it, so what cannot be read is a defect. */
export interface MessageMeta {
  mentions?: string[];
  /** Emoji and number of users, in the order of the first reaction each. Rows of `message_reactions` say who. */
  reactions?: [string, number][];
  /** Unix ms. */
  editedAt?: number;
  forwardedFrom?: { messageId: string; conversationId: string; senderId: string };
}

export function parseMeta(meta: string | null): MessageMeta {
  return meta === null ? {} : (JSON.parse(meta) as MessageMeta);
}

/** Null when there is nothing to keep. */
export function metaText(meta: MessageMeta): string | null {
  const text = JSON.stringify(meta);
  return text === "{}" ? null : text;
}

/** Puts mentions into the server's JSON object; null when there is nothing to keep. */
export function metaWith(meta: string, mentions: readonly string[]): string | null {
  if (mentions.length === 0) return meta === "" ? null : meta;
  return JSON.stringify({ ...(meta === "" ? {} : (JSON.parse(meta) as object)), mentions });
}

export function mentionsOf({ mentions }: MessageMeta): string[] {
  return Array.isArray(mentions) ? mentions.filter((one) => typeof one === "string") : [];
}

/** `mine`: the emojis of the user who looks. */
export function reactionsOf({ reactions }: MessageMeta, mine: ReadonlySet<string> | undefined): Reaction[] {
  if (reactions === undefined) return [];
  return reactions.map(([emoji, count]) => ({
    $typeName: "gochat.common.v1.Reaction",
    emoji,
    count,
    mine: mine?.has(emoji) === true,
  }));
}

export function forwardOf({ forwardedFrom }: MessageMeta): ForwardedFrom | undefined {
  return forwardedFrom === undefined ? undefined : { $typeName: "gochat.common.v1.ForwardedFrom", ...forwardedFrom };
}
