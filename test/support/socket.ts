import { WebSocket } from "ws";
import type { z } from "zod";
import { JSON_SUBPROTOCOL, PROTO_SUBPROTOCOL } from "../../proto/frames.ts";
import { serverFrames } from "../../proto/schemas/server-frames.ts";
import { clientFrameBytes, serverFramesOf } from "./binary-frames.ts";

export interface Frame {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly id?: string;
  readonly timestamp?: number;
}

/** A stock WebSocket client (the `ws` package) that keeps every frame and lets a test wait for one. */
export interface TestSocket extends AsyncDisposable {
  readonly frames: readonly Frame[];
  readonly socket: WebSocket;
  send(type: string, data?: unknown, id?: string): void;
  sendText(text: string): void;
  /** The first frame, already here or to come, that fits; each frame is handed out once. */
  next(type: string, fits?: (frame: Frame) => boolean): Promise<Frame>;
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
}

export const waitMs = 10_000;

export interface SocketOptions {
  /** How the token is carried. */
  readonly by?: "header" | "query" | "subprotocol";
  readonly query?: Readonly<Record<string, string>>;
  /** gochat.v1.proto instead of JSON; the test sees and sends the same frames. */
  readonly binary?: boolean;
}

/** Opens /ws and waits for `connected`. Rejects with the HTTP status when the upgrade is refused. */
export async function openSocket(url: string, token: string, options: SocketOptions = {}): Promise<TestSocket> {
  const opened = startSocket(url, token, options);
  await opened.next("connected");
  return opened;
}

/** To run a test over both: `test.each(subprotocols)("%s: …", (subprotocol) => { const openSocket = opener(subprotocol); …`. */
export const subprotocols = [JSON_SUBPROTOCOL, PROTO_SUBPROTOCOL] as const;

/** `openSocket` over this subprotocol. */
export function opener(subprotocol: (typeof subprotocols)[number]): typeof openSocket {
  return (url, token, options) => openSocket(url, token, { binary: subprotocol === PROTO_SUBPROTOCOL, ...options });
}

/** What a frame has that docs/api/asyncapi.yaml does not say. */
function undocumented({ type, data: came }: Frame): Error | undefined {
  const known: Readonly<Record<string, z.ZodType>> = serverFrames;
  const schema = known[type];
  if (schema === undefined) return new Error(`${type} is no frame of the document`);
  // Without what is undefined, which a frame that came as protobuf may hold.
  const data = JSON.parse(JSON.stringify(came)) as Frame["data"];
  const result = schema.safeParse(data);
  if (!result.success) return new Error(`a ${type} frame is not as documented: ${result.error.message}`);
  const extra = Object.keys(data).filter((name) => !Object.hasOwn(result.data as object, name));
  return extra.length === 0 ? undefined : new Error(`a ${type} frame has fields of no document: ${extra.join(", ")}`);
}

export function startSocket(url: string, token: string, options: SocketOptions = {}): TestSocket {
  const by = options.by ?? "header";
  const target = new URL(`${url.replace("http", "ws")}/ws`);
  for (const [name, value] of Object.entries(options.query ?? {})) target.searchParams.set(name, value);
  if (by === "query") target.searchParams.set("token", token);
  const binary = options.binary === true;
  const protocols = binary ? [PROTO_SUBPROTOCOL] : by === "subprotocol" ? [JSON_SUBPROTOCOL] : [];
  if (by === "subprotocol") protocols.push(`bearer.${token}`);
  const socket = new WebSocket(target, protocols, {
    headers: by === "header" ? { Authorization: `Bearer ${token}` } : {},
  });
  const frames: Frame[] = [];
  const taken = new Set<Frame>();
  const wakeups = new Set<() => void>();
  let failure: Error | undefined;
  const closed = Promise.withResolvers<number>();
  const wake = (): void => {
    for (const wakeup of [...wakeups]) wakeup();
  };
  socket.on("message", (wire: Buffer, isBinary: boolean) => {
    if (isBinary !== binary) failure ??= new Error("a frame of the other subprotocol");
    const came = binary ? serverFramesOf(wire, options.query?.v === undefined) : [JSON.parse(String(wire)) as Frame];
    for (const frame of came) failure ??= undocumented(frame);
    frames.push(...came);
    wake();
  });
  socket.on("close", (code) => {
    failure ??= new Error(`the socket was closed with ${code}`);
    closed.resolve(code);
    wake();
  });
  socket.on("error", (error) => {
    failure ??= error;
    wake();
  });
  const take = (type: string, fits: (frame: Frame) => boolean): Frame | undefined => {
    const frame = frames.find((one) => !taken.has(one) && one.type === type && fits(one));
    if (frame !== undefined) taken.add(frame);
    return frame;
  };
  return {
    frames,
    socket,
    closed: closed.promise,
    send(type, data, id) {
      if (binary) {
        socket.send(clientFrameBytes(type, data, id));
        return;
      }
      socket.send(
        JSON.stringify({ type, ...(data === undefined ? {} : { data }), ...(id === undefined ? {} : { id }) }),
      );
    },
    sendText: (text) => socket.send(text),
    next(type, fits = () => true) {
      return new Promise((resolve, reject) => {
        const seen = (): string => frames.map((frame) => frame.type).join(", ");
        const timer = setTimeout(() => end(new Error(`no ${type} within ${waitMs} ms; frames: ${seen()}`)), waitMs);
        const look = (): void => {
          const frame = take(type, fits);
          if (frame !== undefined) end(frame);
          else if (failure !== undefined) end(failure);
        };
        const end = (result: Frame | Error): void => {
          clearTimeout(timer);
          wakeups.delete(look);
          if (result instanceof Error) reject(result);
          else resolve(result);
        };
        wakeups.add(look);
        look();
      });
    },
    async [Symbol.asyncDispose]() {
      socket.close();
      await closed.promise;
    },
  };
}

/** Waits until `fits` holds; fails after `timeoutMs` with what it waited for. */
export async function until(what: string, fits: () => boolean | Promise<boolean>, timeoutMs = waitMs): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await fits())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await Bun.sleep(5);
  }
}

/** The message of what `promise` rejects with; fails when it does not reject. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  const reason = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(reason instanceof Error)) throw new Error("it did not reject with an error");
  return reason.message;
}
