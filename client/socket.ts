import { delayOf, type Random, reconnectStepsMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { closeRule, type StopReason } from "./close-codes.ts";
import { codeOf } from "./errors.ts";

/** The part of the standard WebSocket that is used. */
export interface WebSocketLike {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  readonly bufferedAmount: number;
  send(text: string): void;
  close(code?: number): void;
}

export type ConnectionState =
  /** Nobody asked for a connection. */
  | { readonly at: "off" }
  | { readonly at: "connecting"; readonly attempt: number }
  | { readonly at: "open"; readonly sinceMs: number }
  /** Tries again at `retryAtMs` (Unix ms). */
  | { readonly at: "waiting"; readonly attempt: number; readonly retryAtMs: number }
  /** Does not come back by itself. */
  | { readonly at: "stopped"; readonly reason: StopReason };

/** A frame as it came: an object with a string `type`. */
export interface RawFrame {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface SocketDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Address without any token in it. */
  readonly url: string;
  readonly open: (url: string, protocols: string[]) => WebSocketLike;
  /** A valid access token; `force` = the present one was refused. Rejects with SIGNED_OUT when there is no session. */
  readonly token: (force: boolean) => Promise<string>;
  /** Asks the server whether the session still stands; called when handshakes keep failing without a reason. */
  readonly checkSession: () => Promise<boolean>;
  readonly onState: (state: ConnectionState) => void;
  readonly onFrame: (frame: RawFrame) => void;
}

/** One connection that keeps itself up: heartbeat, back-off, and the close codes decide (spec 20 §7, §8). */
export interface Socket {
  connect(): void;
  disconnect(): void;
  /** The network or the page came back: tries at once, or probes what seems open. */
  wake(): void;
  /** False when nothing was handed on: not open, or 1 MiB waits already. */
  send(frame: object): boolean;
  state(): ConnectionState;
}

const handshakeMs = 15_000;
const silenceMs = 30_000;
const pongMs = 10_000;
const probeMs = 4_000;
const steadyMs = 60_000;
const bufferedBytesMax = 1_048_576;
/** Handshakes that fail without a reason before the session is questioned: a browser hides a 401. */
const blindFailuresMax = 2;

export function createSocket(deps: SocketDeps): Socket {
  const { clock, random } = deps;
  let state: ConnectionState = { at: "off" };
  let socket: WebSocketLike | undefined;
  /** Grows when a socket is given up: what the old one still says is not heard. */
  let generation = 0;
  let attempt = 0;
  let blindFailures = 0;
  let refused = false;
  let lastInboundMs = 0;
  let drainMs: number | undefined;
  const timers: { connect?: () => void; beat?: () => void } = {};

  const setState = (next: ConnectionState): void => {
    state = next;
    deps.onState(next);
  };
  const clear = (): void => {
    timers.connect?.();
    timers.beat?.();
    delete timers.connect;
    delete timers.beat;
  };
  const letGo = (code?: number): void => {
    generation++;
    clear();
    const old = socket;
    socket = undefined;
    if (old === undefined) return;
    old.onmessage = null;
    old.onclose = null;
    old.close(code);
  };
  const stop = (reason: StopReason): void => {
    letGo(1000);
    setState({ at: "stopped", reason });
  };
  const retryIn = (delayMs: number): void => {
    setState({ at: "waiting", attempt, retryAtMs: clock.now() + delayMs });
    timers.connect = clock.after(delayMs, begin);
  };
  const retry = (fromStep = 0, minMs = 0): void => {
    const delayMs = delayOf(reconnectStepsMs, Math.max(attempt, fromStep), random);
    attempt++;
    retryIn(Math.max(delayMs, minMs === 0 ? 0 : Math.round(minMs * (1 + 0.2 * random()))));
  };

  const closed = (code: number): void => {
    const wasOpen = state.at === "open";
    const steady = state.at === "open" && clock.now() - state.sinceMs >= steadyMs;
    letGo();
    if (steady) attempt = 0;
    const rule = closeRule(code);
    if (rule.act === "stop") {
      setState({ at: "stopped", reason: rule.reason });
    } else if (!wasOpen && code === 1006 && ++blindFailures >= blindFailuresMax) {
      question();
    } else if (rule.act === "back-off") {
      retry(rule.fromStep, rule.minMs);
    } else {
      comeBack(rule.act);
    }
  };
  /** Twice in a row without the table's wait, then with it: a server that always says so is not hammered. */
  const comeBack = (act: "soon" | "refresh"): void => {
    if (act === "refresh") refused = true;
    if (attempt >= 2) {
      retry();
      return;
    }
    attempt++;
    retryIn(act === "soon" ? (drainMs ?? Math.round(random() * 1_000)) : 0);
  };
  const question = (): void => {
    blindFailures = 0;
    const mine = generation;
    deps.checkSession().then(
      (stands) => {
        if (mine !== generation) return;
        if (stands) retry();
        else stop("signed-out");
      },
      () => {
        if (mine === generation) retry();
      },
    );
  };

  /** Pings after 30 s of silence; 10 s more of it and the connection counts as dead. */
  const beat = (): void => {
    const silentMs = clock.now() - lastInboundMs;
    if (silentMs >= silenceMs + pongMs) {
      closed(4008);
      return;
    }
    if (silentMs >= silenceMs) send({ type: "ping" });
    const nextMs = silentMs >= silenceMs ? pongMs : silenceMs - silentMs;
    timers.beat = clock.after(nextMs, beat);
  };
  const heard = (data: unknown): void => {
    lastInboundMs = clock.now();
    const frame = parseFrame(data);
    if (frame === undefined) return;
    if (frame.type === "connected") {
      clear();
      blindFailures = 0;
      refused = false;
      drainMs = undefined;
      setState({ at: "open", sinceMs: clock.now() });
      timers.beat = clock.after(silenceMs, beat);
    }
    if (frame.type === "server-draining") {
      const waitMs = (frame.data as { reconnectAfterMs?: unknown } | undefined)?.reconnectAfterMs;
      drainMs = typeof waitMs === "number" ? Math.min(Math.max(waitMs, 0), 30_000) : undefined;
    }
    deps.onFrame(frame);
  };
  const open = (token: string): void => {
    const mine = generation;
    let ws: WebSocketLike;
    try {
      ws = deps.open(deps.url, ["gochat.v1.json", `bearer.${token}`]);
    } catch {
      stop("protocol"); // An address or token that no WebSocket can carry.
      return;
    }
    socket = ws;
    ws.onmessage = (event) => {
      if (mine === generation) heard(event.data);
    };
    ws.onclose = (event) => {
      if (mine === generation) closed(event.code);
    };
    ws.onerror = () => undefined; // A close event follows and decides.
    timers.connect = clock.after(handshakeMs, () => closed(4008));
  };
  const begin = (): void => {
    letGo();
    setState({ at: "connecting", attempt });
    const mine = generation;
    deps.token(refused).then(
      (token) => {
        if (mine === generation) open(token);
      },
      (error: unknown) => {
        if (mine !== generation) return;
        if (codeOf(error) === "SIGNED_OUT") stop("signed-out");
        else retry();
      },
    );
  };
  const send = (frame: object): boolean => {
    if (socket === undefined || state.at !== "open" || socket.bufferedAmount > bufferedBytesMax) return false;
    socket.send(JSON.stringify(frame));
    return true;
  };

  return {
    connect: () => {
      if (state.at === "connecting" || state.at === "open") return;
      attempt = 0;
      begin();
    },
    disconnect: () => {
      letGo(1000);
      setState({ at: "off" });
    },
    wake: () => {
      if (state.at === "waiting") begin();
      if (state.at !== "open") return;
      const probedMs = clock.now();
      send({ type: "ping" });
      timers.connect?.();
      timers.connect = clock.after(probeMs, () => {
        if (state.at === "open" && lastInboundMs < probedMs) closed(4008);
      });
    },
    send,
    state: () => state,
  };
}

function parseFrame(data: unknown): RawFrame | undefined {
  if (typeof data !== "string") return undefined;
  try {
    const value = JSON.parse(data) as unknown;
    if (typeof value !== "object" || value === null) return undefined;
    return typeof (value as { type?: unknown }).type === "string" ? (value as RawFrame) : undefined;
  } catch {
    return undefined;
  }
}
