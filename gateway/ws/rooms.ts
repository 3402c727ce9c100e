import { WORLD_ID } from "#proto/conversation-ids.ts";
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

/** The rooms as native channels: one per conversation and carrier, in the world also for sessions in the background. Bun keeps the subscribers; a session's subscriptions
 *  end with its socket. */
export interface Rooms {
  subscribe(session: Session, rooms: readonly Room[]): void;
  unsubscribe(session: Session, conversationId: string): void;
  listens(session: Session, conversationId: string): boolean;
  /** Sockets that listen, those in the background too. */
  sockets(conversationId: string): number;
  /** By which carriers somebody listens here, in the world without those in the background. */
  listeners(conversationId: string): Carried;
  /** Hands all frames to the channels, in this turn. */
  publish(conversationId: string, frames: PushFrames): void;
  backgroundListeners(): Carried;
  publishToBackground(frames: PushFrames): void;
  /** Rooms that somebody here listens to. */
  count(): number;
  /** Moves a session of the world between its two sets of channels and notes it in `session.quiet`. */
  move(session: Session, quiet: boolean): void;
}

const prefixes: Readonly<Record<Carrier, string>> = { single: "0:", joined: "1:", binary: "2:" };
/** Rooms that are remembered before the first look at which of them are empty. */
const sweepMin = 1000;
/** No conversation is called so: it is the world of those in the background. */
const backgroundWorld = `${WORLD_ID} background`;

export function createRooms(channels: NativeChannels, metrics: GatewayMetrics): Rooms {
  /** Every room that somebody listened to since the last sweep: the server cannot name its channels. */
  const heard = new Set<string>();
  let sweepAt = sweepMin;

  /** Forgets what nobody listens to. */
  function sweep(): void {
    for (const conversationId of heard) if (sockets(conversationId) === 0) heard.delete(conversationId);
    sweepAt = Math.max(sweepMin, heard.size * 2);
  }

  function publishAll(channel: string, wires: readonly Wire[]): number {
    // 0 means that some subscriber's message was dropped, or that there is none: never published again. A subscriber over
    // its byte bound is closed by the server and catches up by seq.
    for (const wire of wires) channels.publish(channel, wire);
    const count = wires.length === 0 ? 0 : channels.subscriberCount(channel);
    metrics.framesOut.inc(wires.length * count);
    return count;
  }

  function listeners(name: string): Carried {
    const listened = (carrier: Carrier): boolean => channels.subscriberCount(prefixes[carrier] + name) > 0;
    return { single: listened("single"), joined: listened("joined"), binary: listened("binary") };
  }

  function publish(name: string, frames: PushFrames): void {
    let reached = 0;
    for (const carrier of carriers) reached += publishAll(prefixes[carrier] + name, frames[carrier]);
    metrics.recipients.observe(reached);
  }

  function subscribers(name: string): number {
    let count = 0;
    for (const carrier of carriers) count += channels.subscriberCount(prefixes[carrier] + name);
    return count;
  }

  function sockets(conversationId: string): number {
    const background = conversationId === WORLD_ID ? subscribers(backgroundWorld) : 0;
    return subscribers(conversationId) + background;
  }

  return {
    subscribe(session, rooms) {
      const prefix = prefixes[session.carrier];
      for (const { conversationId } of rooms) {
        const name = conversationId === WORLD_ID && session.quiet ? backgroundWorld : conversationId;
        session.socket?.subscribe(prefix + name);
        heard.add(conversationId);
      }
      if (heard.size > sweepAt) sweep();
    },
    unsubscribe(session, conversationId) {
      session.socket?.unsubscribe(prefixes[session.carrier] + conversationId);
    },
    listens: (session, conversationId) =>
      session.state !== "closed" && session.socket?.isSubscribed(prefixes[session.carrier] + conversationId) === true,
    sockets,
    listeners,
    publish,
    backgroundListeners: () => listeners(backgroundWorld),
    publishToBackground: (frames) => publish(backgroundWorld, frames),
    count() {
      sweep();
      return heard.size;
    },
    move(session, quiet) {
      const { socket } = session;
      if (session.state !== "open" || socket === undefined || session.quiet === quiet) return;
      const prefix = prefixes[session.carrier];
      const [from, to] = quiet ? [WORLD_ID, backgroundWorld] : [backgroundWorld, WORLD_ID];
      if (!socket.isSubscribed(prefix + from)) return;
      socket.unsubscribe(prefix + from);
      socket.subscribe(prefix + to);
      session.quiet = quiet;
    },
  };
}
