import { describe, expect, test } from "bun:test";
import { createManualClock } from "./clock.ts";
import { ClientError } from "./errors.ts";
import { type ConnectionState, createSocket, type WebSocketLike } from "./socket.ts";

class Wire implements WebSocketLike {
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  bufferedAmount = 0;
  readonly sent: { type: string }[] = [];
  closed = false;
  send(text: string): void {
    this.sent.push(JSON.parse(text) as { type: string });
  }
  close(): void {
    this.closed = true;
  }
  say(type: string, data: object = {}): void {
    this.onmessage?.({ data: JSON.stringify({ type, data, timestamp: 1 }) });
  }
}

function setup(options: { token?: () => Promise<string>; stands?: boolean } = {}) {
  const clock = createManualClock();
  const wires: Wire[] = [];
  const forced: boolean[] = [];
  const states: ConnectionState[] = [];
  const protocols: string[][] = [];
  const socket = createSocket({
    clock,
    random: () => 0.5,
    url: "ws://localhost/ws?v=1",
    open: (_url, offered) => {
      const wire = new Wire();
      wires.push(wire);
      protocols.push(offered);
      return wire;
    },
    token: (force) => {
      forced.push(force);
      return options.token?.() ?? Promise.resolve("jwt");
    },
    checkSession: () => Promise.resolve(options.stands ?? true),
    onState: (state) => states.push(state),
    onFrame: () => undefined,
  });
  const last = () => wires.at(-1) as Wire;
  const open = async () => {
    socket.connect();
    await settle();
    last().say("connected");
  };
  return { socket, clock, wires, last, open, states, forced, protocols };
}
/** Lets promises that are settled already call back. */
const settle = async () => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};
/** Closes the present socket and returns how long it takes to the next attempt. */
async function waitAfter(s: ReturnType<typeof setup>, code: number): Promise<number> {
  s.last().onclose?.({ code });
  await settle();
  const state = s.socket.state();
  if (state.at !== "waiting") throw new Error(`is ${state.at}`);
  const waitMs = state.retryAtMs - s.clock.now();
  s.clock.advance(waitMs);
  await settle();
  return waitMs;
}

describe("connection", () => {
  test("is open only after `connected`, and the token travels as a subprotocol", async () => {
    const s = setup();
    s.socket.connect();
    await settle();
    expect(s.socket.state().at).toBe("connecting");
    expect(s.socket.send({ type: "ping" })).toBe(false);
    expect(s.protocols[0]).toEqual(["gochat.v1.json", "bearer.jwt"]);
    s.last().say("connected");
    expect(s.socket.state().at).toBe("open");
    expect(s.socket.send({ type: "ping" })).toBe(true);
  });

  test("pings after 30 s of silence, and 10 s later counts as dead (spec 20 §7)", async () => {
    const s = setup();
    await s.open();
    s.clock.advance(29_999);
    expect(s.last().sent).toEqual([]);
    s.clock.advance(1);
    expect(s.last().sent).toEqual([{ type: "ping" }]);
    s.last().say("pong");
    s.clock.advance(39_999);
    expect(s.last().sent.length).toBe(2);
    expect(s.socket.state().at).toBe("open");
    s.clock.advance(1);
    expect(s.socket.state().at).toBe("waiting");
    expect(s.last().closed).toBe(true);
  });

  test("any inbound frame counts against silence", async () => {
    const s = setup();
    await s.open();
    for (let i = 0; i < 10; i++) {
      s.clock.advance(20_000);
      s.last().say("new-message");
    }
    expect(s.last().sent).toEqual([]);
  });

  test("a full buffer takes nothing more", async () => {
    const s = setup();
    await s.open();
    s.last().bufferedAmount = 2_000_000;
    expect(s.socket.send({ type: "ping" })).toBe(false);
  });
});

describe("close codes (spec 20 §8)", () => {
  test("an abnormal close backs off by the table; 60 s up reset it", async () => {
    const s = setup();
    await s.open();
    const waits: number[] = [];
    for (let i = 0; i < 4; i++) {
      waits.push(await waitAfter(s, 1006));
      s.last().say("connected");
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000]);
    for (let i = 0; i < 6; i++) {
      s.clock.advance(10_000);
      s.last().say("pong");
    }
    expect(await waitAfter(s, 1006)).toBe(1_000);
  });

  test("1013 backs off from 4 s, 4029 waits 60 s or more, 1001 comes back within a second", async () => {
    const s = setup();
    await s.open();
    expect(await waitAfter(s, 1013)).toBe(4_000);
    s.last().say("connected");
    expect(await waitAfter(s, 4029)).toBeGreaterThanOrEqual(60_000);
    const other = setup();
    await other.open();
    expect(await waitAfter(other, 1001)).toBeLessThanOrEqual(1_000);
  });

  test("a drain says when to come back", async () => {
    const s = setup();
    await s.open();
    s.last().say("server-draining", { reconnectAfterMs: 3_210 });
    expect(await waitAfter(s, 1001)).toBe(3_210);
  });

  test("4001 refreshes the token before it reconnects", async () => {
    const s = setup();
    await s.open();
    expect(await waitAfter(s, 4001)).toBe(0);
    expect(s.forced).toEqual([false, true]);
  });

  for (const [code, reason] of [
    [1000, "closed"],
    [4002, "replaced"],
    [4003, "disabled"],
    [4004, "signed-out"],
    [1009, "protocol"],
  ] as const) {
    test(`${code} stops: ${reason}`, async () => {
      const s = setup();
      await s.open();
      s.last().onclose?.({ code });
      expect(s.socket.state()).toEqual({ at: "stopped", reason });
      expect(s.clock.waiting()).toBe(0);
    });
  }

  test("handshakes that fail without a reason question the session", async () => {
    const s = setup({ stands: false });
    s.socket.connect();
    await settle();
    await waitAfter(s, 1006);
    s.last().onclose?.({ code: 1006 });
    await settle();
    expect(s.socket.state()).toEqual({ at: "stopped", reason: "signed-out" });
  });

  test("without a session it stops; without a network it waits", async () => {
    const out = setup({ token: () => Promise.reject(new ClientError("SIGNED_OUT")) });
    out.socket.connect();
    await settle();
    expect(out.socket.state().at).toBe("stopped");
    const away = setup({ token: () => Promise.reject(new ClientError("NETWORK_ERROR")) });
    away.socket.connect();
    await settle();
    expect(away.socket.state().at).toBe("waiting");
  });

  test("waking tries at once; what an old socket still says is not heard", async () => {
    const s = setup();
    await s.open();
    const old = s.last();
    old.onclose?.({ code: 1006 });
    s.socket.wake();
    await settle();
    expect(s.wires.length).toBe(2);
    old.onclose?.({ code: 4002 });
    expect(s.socket.state().at).toBe("connecting");
  });

  test("waking probes what seems open", async () => {
    const s = setup();
    await s.open();
    s.clock.advance(5_000);
    s.socket.wake();
    expect(s.last().sent).toEqual([{ type: "ping" }]);
    s.clock.advance(4_000);
    expect(s.socket.state().at).toBe("waiting");
  });
});
