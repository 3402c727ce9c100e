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

/** What many sessions share is kept once: browsers say the same of themselves, and offices come from one address. */
const texts = new Map<string, string>();
const devices = new Map<string, DeviceInfo>();
const sharedMax = 1000;

function shared<T>(known: Map<string, T>, name: string, make: () => T): T {
  const old = known.get(name);
  if (old !== undefined) return old;
  if (known.size >= sharedMax) known.clear();
  const made = make();
  known.set(name, made);
  return made;
}

function sharedDevice(device: DeviceInfo): DeviceInfo {
  const address = shared(texts, device.address, () => device.address);
  const userAgent = shared(texts, device.userAgent, () => device.userAgent);
  const make = (): DeviceInfo => ({ ...device, address, userAgent });
  // One that names itself is alone with it.
  if (device.deviceId !== "") return make();
  return shared(devices, `${device.carrier}\n${device.platform}\n${address}\n${userAgent}`, make);
}

/** Buckets of one socket, and how often it went over them lately. */
export interface SocketLimits {
  readonly frames: Bucket | undefined;
  readonly bytes: Bucket | undefined;
  violations: number;
  violationsSinceMs: number;
}

/** What `bits` holds: switches from below, then state and close code. */
const guestBit = 1;
const registeredBit = 2;
const backgroundBit = 4;
const quietBit = 8;
const busyBit = 16;
const syncingBit = 32;
const stateShift = 6;
const stateMask = 3 << stateShift;
const states: readonly SessionState[] = ["connecting", "open", "closed"];
const codeShift = 8;

/** One open socket: the `data` of its WebSocket, the link of the timer wheel and all its limits in one object. 200 000 of
 *  these live in one process, so no closure, timer or map belongs to a single session, and what only an active one needs is
 *  made when it needs it. With 18 fields it takes 160 B; the next size is 224. */
export class Session implements WheelEntry {
  /** UUID v7, one per connection. */
  readonly id: string;
  /** As records carry it. */
  readonly userKey: bigint;
  readonly sid: string;
  readonly device: DeviceInfo;
  /** Moves forward by `refresh-auth`. */
  expiresAtS: number;
  private bits: number;
  /** When it connected by repo's clock, Unix ms, 0 before the first registration. A number: a bigint is an object. */
  placedAtMs: number;
  socket: ServerWebSocket<Session> | undefined;

  lastInboundMs: number;
  nextHeartbeatMs: number;

  /** Undefined until the first frame. */
  limits: SocketLimits | undefined;
  /** Frames that wait for an earlier one of this socket; undefined while nothing waits. */
  inbox: { readonly wires: Wire[]; bytes: number } | undefined;
  /** Frame ids of sends that gave one, by `client_msg_id`, for the echo in the ack; and per conversation whose read pointer
   *  is being moved the seq to move it to next, undefined for none. */
  pending: { ackIds?: Map<string, string>; reads?: Map<string, number | undefined> } | undefined;

  wheelNext: WheelEntry | undefined;
  wheelPrevious: WheelEntry | undefined;
  wheelSlot: number;

  /** Links of the hub's tables. */
  idNext: Session | undefined;
  userNext: Session | undefined;

  constructor(id: string, identity: Identity, device: DeviceInfo, nowMs: number) {
    this.id = id;
    this.userKey = BigInt(identity.userId);
    this.sid = identity.sid;
    this.device = sharedDevice(device);
    this.expiresAtS = identity.expiresAtS;
    this.bits = identity.isGuest ? guestBit : 0;
    this.placedAtMs = 0;
    this.socket = undefined;
    this.lastInboundMs = nowMs;
    this.nextHeartbeatMs = 0;
    this.limits = undefined;
    this.inbox = undefined;
    this.pending = undefined;
    this.wheelNext = undefined;
    this.wheelPrevious = undefined;
    this.wheelSlot = -1;
    this.idNext = undefined;
    this.userNext = undefined;
  }

  get state(): SessionState {
    return states[(this.bits & stateMask) >> stateShift] ?? "closed";
  }

  set state(state: SessionState) {
    this.bits = (this.bits & ~stateMask) | (states.indexOf(state) << stateShift);
  }

  /** Close code this side decided on, 0 while it did not. */
  get closeCode(): number {
    return this.bits >> codeShift;
  }

  set closeCode(code: number) {
    this.bits = (this.bits & ((1 << codeShift) - 1)) | (code << codeShift);
  }

  /** Ends when a guest becomes an account, by `refresh-auth`. */
  get isGuest(): boolean {
    return (this.bits & guestBit) !== 0;
  }

  set isGuest(on: boolean) {
    this.turn(guestBit, on);
  }

  /** Whether presence may know the session, so that its end has to be told. */
  get registered(): boolean {
    return (this.bits & registeredBit) !== 0;
  }

  set registered(on: boolean) {
    this.turn(registeredBit, on);
  }

  /** What the client declared last. */
  get background(): boolean {
    return (this.bits & backgroundBit) !== 0;
  }

  set background(on: boolean) {
    this.turn(backgroundBit, on);
  }

  /** Whether it listens to the world of the background; follows `background`, sometimes later. */
  get quiet(): boolean {
    return (this.bits & quietBit) !== 0;
  }

  set quiet(on: boolean) {
    this.turn(quietBit, on);
  }

  /** Whether a frame of this socket is being handled across turns. */
  get busy(): boolean {
    return (this.bits & busyBit) !== 0;
  }

  set busy(on: boolean) {
    this.turn(busyBit, on);
  }

  get syncing(): boolean {
    return (this.bits & syncingBit) !== 0;
  }

  set syncing(on: boolean) {
    this.turn(syncingBit, on);
  }

  get carrier(): Carrier {
    return this.device.carrier;
  }

  /** The same id as calls carry it; made anew each time, because it is needed rarely. */
  get userId(): string {
    return String(this.userKey);
  }

  /** Remembers the frame id of a send; the oldest of `ackIdsMax` is forgotten. */
  keepAckId(clientMsgId: string, id: string): void {
    this.pending ??= {};
    this.pending.ackIds ??= new Map();
    const { ackIds } = this.pending;
    ackIds.set(clientMsgId, id);
    if (ackIds.size <= ackIdsMax) return;
    const oldest = ackIds.keys().next();
    if (oldest.done !== true) ackIds.delete(oldest.value);
  }

  takeAckId(clientMsgId: string): string | undefined {
    const ackIds = this.pending?.ackIds;
    const id = ackIds?.get(clientMsgId);
    if (id !== undefined) ackIds?.delete(clientMsgId);
    return id;
  }

  /** Read pointers under way, made when first asked for. */
  get reads(): Map<string, number | undefined> {
    this.pending ??= {};
    this.pending.reads ??= new Map();
    return this.pending.reads;
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

  private turn(bit: number, on: boolean): void {
    this.bits = on ? this.bits | bit : this.bits & ~bit;
  }
}
