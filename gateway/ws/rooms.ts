import type { GatewayMetrics } from "../metrics.ts";
import type { Room } from "./handshake.ts";
import type { PushFrames } from "./push-frames.ts";
import type { Session } from "./session.ts";
import { type Carried, type Carrier, carriers, type Wire } from "./wire.ts";

/** The native pub/sub of the server. */
export interface NativeChannels {
  publish(channel: string, wire: Wire): number;
  subscriberCount(channel: string): number;
}

/** The rooms as native channels: one per conversation and carrier. Bun keeps the subscribers; a session's subscriptions
 *  end with its socket. */
export interface Rooms {
  subscribe(session: Session, rooms: readonly Room[]): void;
  /** By which carriers somebody listens here. */
  listeners(conversationId: string): Carried;
  /** Hands all frames to the channels, in this turn. */
  publish(conversationId: string, frames: PushFrames): void;
}

const prefixes: Readonly<Record<Carrier, string>> = { single: "0:", joined: "1:", binary: "2:" };

export function createRooms(channels: NativeChannels, metrics: GatewayMetrics): Rooms {
  function publishAll(channel: string, wires: readonly Wire[]): number {
    // 0 means that some subscriber's message was dropped, or that there is none: never published again. A subscriber over
    // its byte bound is closed by the server and catches up by seq.
    for (const wire of wires) channels.publish(channel, wire);
    const count = wires.length === 0 ? 0 : channels.subscriberCount(channel);
    metrics.framesOut.inc(wires.length * count);
    return count;
  }

  return {
    subscribe(session, rooms) {
      const prefix = prefixes[session.carrier];
      for (const { conversationId } of rooms) session.socket?.subscribe(prefix + conversationId);
    },
    listeners(conversationId) {
      const heard = (carrier: Carrier): boolean => channels.subscriberCount(prefixes[carrier] + conversationId) > 0;
      return { single: heard("single"), joined: heard("joined"), binary: heard("binary") };
    },
    publish(conversationId, frames) {
      let reached = 0;
      for (const carrier of carriers) reached += publishAll(prefixes[carrier] + conversationId, frames[carrier]);
      metrics.recipients.observe(reached);
    },
  };
}
