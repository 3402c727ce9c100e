import type { ServerWebSocket } from "bun";
import type { Bucket } from "#infra/ratelimit/bucket.ts";
import type { Identity } from "../auth/token-verifier.ts";
import type { WheelEntry } from "./timer-wheel.ts";
import type { Carrier, Wire } from "./wire.ts";

/** What the upgrade request said about the device (spec 20 §1). */
export interface DeviceInfo {
  /** ≤ 64 characters, empty when not given. */
  readonly deviceId: string;
  readonly platform: string;
  /** The subprotocol, and for JSON whether a batch may come as one `new-messages` frame (`v` ≥ 1). */
  readonly carrier: Carrier;
  readonly address: string;
  readonly userAgent: string;
}

/** `connecting`: upgraded, not yet `connected`; frames from the client wait. `closed`: nothing is sent any more. */
export type SessionState = "connecting" | "open" | "closed";

/** Sends of one session that wait for their ack and gave a frame id. */
const ackIdsMax = 100;

/** Texts that many sessions share are kept once: browsers say the same of themselves, and offices come from one address. */
const texts = new Map<string, string>();
const textsMax = 1000;

function interned(text: string): string {
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size >= textsMax) texts.clear();
  texts.set(text, text);
  return text;
}

/** One open socket: the `data` of its WebSocket, the link of the timer wheel and all its limits in one object. 200 000
 *  of these live in one process, so no closure, timer or map belongs to a single session. */
export class Session implements WheelEntry {
  /** UUID v7, one per connection. */
  readonly id: string;
  /** As records carry it. */
  readonly userKey: bigint;
  readonly sid: string;
  /** Ends when a guest becomes an account, by `refresh-auth`. */
  isGuest: boolean;
  readonly deviceId: string;
  readonly platform: string;
  readonly carrier: Carrier;
  readonly address: string;
  readonly userAgent: string;
  readonly connectedMs: number;
  /** Moves forward by `refresh-auth`. */
  expiresAtS: number;

  state: SessionState = "connecting";
  /** Whether presence may know the session, so that its end has to be told. */
  registered = false;
  /** When it connected by repo's clock, Unix ms, 0 before the first registration. A number: a bigint is an object. */
  placedAtMs = 0;
  /** What the client declared last. */
  background = false;
  /** Whether it listens to the world of the background; follows `background`, sometimes later. */
  quiet = false;
  socket: ServerWebSocket<Session> | undefined = undefined;
  /** Close code this side decided on, 0 while it did not. */
  closeCode = 0;

  lastInboundMs: number;
  nextHeartbeatMs: number;
  /** When the socket was first seen not to drain, 0 while it does. */
  blockedSinceMs = 0;

  frames: Bucket | undefined = undefined;
  bytes: Bucket | undefined = undefined;
  violations = 0;
  violationsSinceMs = 0;

  /** Frames that wait for an earlier one of this socket; undefined while nothing waits. */
  inbox: Wire[] | undefined = undefined;
  inboxBytes = 0;
  /** Whether a frame of this socket is being handled across turns. */
  busy = false;
  syncing = false;
  /** Per conversation whose read pointer is being moved: the seq to move it to next, undefined for none. */
  reads: Map<string, number | undefined> | undefined = undefined;
  /** Frame ids of sends that gave one, by `client_msg_id`, for the echo in the ack. */
  ackIds: Map<string, string> | undefined = undefined;

  wheelNext: WheelEntry | undefined = undefined;
  wheelPrevious: WheelEntry | undefined = undefined;
  wheelSlot = -1;

  /** Links of the hub's tables. */
  idNext: Session | undefined = undefined;
  userNext: Session | undefined = undefined;

  constructor(id: string, identity: Identity, device: DeviceInfo, nowMs: number) {
    this.id = id;
    this.userKey = BigInt(identity.userId);
    this.sid = identity.sid;
    this.isGuest = identity.isGuest;
    this.expiresAtS = identity.expiresAtS;
    this.deviceId = device.deviceId;
    this.platform = device.platform;
    this.carrier = device.carrier;
    this.address = interned(device.address);
    this.userAgent = interned(device.userAgent);
    this.connectedMs = nowMs;
    this.lastInboundMs = nowMs;
    this.nextHeartbeatMs = 0;
  }

  /** The same id as calls carry it; made anew each time, because it is needed rarely. */
  get userId(): string {
    return String(this.userKey);
  }

  /** Remembers the frame id of a send; the oldest of `ackIdsMax` is forgotten. */
  keepAckId(clientMsgId: string, id: string): void {
    this.ackIds ??= new Map();
    this.ackIds.set(clientMsgId, id);
    if (this.ackIds.size <= ackIdsMax) return;
    const oldest = this.ackIds.keys().next();
    if (oldest.done !== true) this.ackIds.delete(oldest.value);
  }

  takeAckId(clientMsgId: string): string | undefined {
    const id = this.ackIds?.get(clientMsgId);
    if (id !== undefined) this.ackIds?.delete(clientMsgId);
    return id;
  }

  /** Sends one frame. False: not taken, because the socket is closed, or because it passed its byte bound and is
   *  being closed by the server. Never blocks. */
  send(wire: Wire): boolean {
    if (this.state === "closed" || this.socket === undefined) return false;
    // Bun answers 0 for a dropped message, −1 for one that waits in its buffer, else the bytes sent.
    return this.socket.send(wire) !== 0;
  }

  /** Runs `write`, whose sends leave together. */
  corked(write: () => void): void {
    if (this.state === "closed" || this.socket === undefined) return;
    this.socket.cork(write);
  }

  /** Closes with one of the codes of spec 20 §8. Again is a no-op. */
  close(code: number, reason: string): void {
    if (this.closeCode !== 0 || this.state === "closed") return;
    this.closeCode = code;
    const socket = this.socket;
    if (socket === undefined) return;
    // A close frame would wait behind what the peer does not read.
    if (code === 4009) socket.terminate();
    else socket.close(code, reason);
  }
}
