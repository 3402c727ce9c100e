import type { GatewayMetrics } from "../metrics.ts";
import type { Room } from "./handshake.ts";
import type { PushFrames } from "./push-frames.ts";
import type { Session } from "./session.ts";

/** The native pub/sub of the server. */
export interface NativeChannels {
  publish(channel: string, text: string): number;
  subscriberCount(channel: string): number;
}

/** The rooms as native channels: one per conversation and kind of client. Bun keeps the subscribers; a session's
 *  subscriptions end with its socket. */
export interface Rooms {
  subscribe(session: Session, rooms: readonly Room[]): void;
  /** Which kinds of clients listen here. */
  listeners(conversationId: string): { readonly single: boolean; readonly joined: boolean };
  /** Hands all frames to the channels, in this turn. */
  publish(conversationId: string, frames: PushFrames): void;
}

const singleChannel = (conversationId: string): string => `0:${conversationId}`;
const joinedChannel = (conversationId: string): string => `1:${conversationId}`;

export function createRooms(channels: NativeChannels, metrics: GatewayMetrics): Rooms {
  function publishAll(channel: string, texts: readonly string[]): number {
    // 0 means that some subscriber's message was dropped, or that there is none: never published again. A subscriber over
    // its byte bound is closed by the server and catches up by seq.
    for (const text of texts) channels.publish(channel, text);
    const count = texts.length === 0 ? 0 : channels.subscriberCount(channel);
    metrics.framesOut.inc(texts.length * count);
    return count;
  }

  return {
    subscribe(session, rooms) {
      const channelOf = session.clientVersion >= 1 ? joinedChannel : singleChannel;
      for (const { conversationId } of rooms) session.socket?.subscribe(channelOf(conversationId));
    },
    listeners: (conversationId) => ({
      single: channels.subscriberCount(singleChannel(conversationId)) > 0,
      joined: channels.subscriberCount(joinedChannel(conversationId)) > 0,
    }),
    publish(conversationId, { single, joined }) {
      const singles = publishAll(singleChannel(conversationId), single);
      metrics.recipients.observe(singles + publishAll(joinedChannel(conversationId), joined));
    },
  };
}
