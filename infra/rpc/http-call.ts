import { Code, ConnectError } from "@connectrpc/connect";
import type { Ending, Lease, Targets } from "./target.ts";

/** Certificates as PEM. `ca` for a server that no public authority vouches for; `cert` and `key` to be known by it. */
export interface ClientTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface HttpOptions {
  readonly targets: Targets;
  readonly fetch?: typeof globalThis.fetch;
  readonly tls?: ClientTls;
}

export interface HttpRequest {
  /** Begins with a slash. */
  readonly path: string;
  readonly method: string;
  readonly headers: Headers;
  readonly body: Uint8Array | null;
  readonly signal: AbortSignal;
}

/** A target that refuses the connection has seen nothing of the call: any call may go on to the next one. */
const targetsTriedMax = 3;

/** Sends to the best target and hands its response to `read`, which must read the body to its end. Rejects with what `read` throws, `unavailable` when no target can be
 *  reached, the signal's reason when it aborts. */
export async function send<T>(
  request: HttpRequest,
  options: HttpOptions,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const { response, lease } = await open(request, options);
  let ending: Ending = "lost";
  try {
    const value = await untilAborted(read(response), request.signal);
    ending = "answered";
    return value;
  } catch (error) {
    ending = endingOf(error, request.signal);
    throw reached(error);
  } finally {
    lease.done(ending);
  }
}

/** The head of a response; the lease ends with its body. */
export async function open(
  request: HttpRequest,
  options: HttpOptions,
): Promise<{ readonly response: Response; readonly lease: Lease }> {
  const call = options.fetch ?? globalThis.fetch;
  for (let tried = 1; ; tried += 1) {
    const taken = options.targets.take(request.signal);
    const lease = taken instanceof Promise ? await taken : taken;
    try {
      const init: BunFetchRequestInit & { decompress: boolean } = {
        method: request.method,
        headers: request.headers,
        body: request.body as BodyInit | null,
        signal: request.signal,
        redirect: "error",
        // The protocol unpacks, within its limits.
        decompress: false,
        ...(options.tls === undefined ? {} : { tls: options.tls }),
      };
      return { response: await untilAborted(call(lease.url + request.path, init), request.signal), lease };
    } catch (error) {
      const ending = endingOf(error, request.signal);
      lease.done(ending);
      if (ending !== "refused" || tried >= Math.min(targetsTriedMax, options.targets.count())) throw reached(error);
    }
  }
}

/** Bun's fetch misses an abort that comes while it still connects: the caller is answered in time all the same. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    work.then(
      (value) => {
        signal.removeEventListener("abort", stop);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", stop);
        reject(error);
      },
    );
  });
}

/** No connection came about, so nothing was sent. */
const unconnected: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ConnectionRefused",
  "ENOTFOUND",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "FailedToOpenSocket",
]);

export function endingOf(error: unknown, signal: AbortSignal): Ending {
  // A call that ran out of time says something about its server, one that was given up does not.
  if (signal.aborted) return codeOf(signal.reason) === Code.DeadlineExceeded ? "lost" : "left";
  if (error instanceof ConnectError) return "answered";
  return error instanceof Error && "code" in error && unconnected.has(String(error.code)) ? "refused" : "lost";
}

function codeOf(error: unknown): Code | undefined {
  return error instanceof ConnectError ? error.code : undefined;
}

/** A server that cannot be reached is `unavailable`: nothing says that the call was wrong. */
export function reached(error: unknown): unknown {
  if (error instanceof ConnectError) return error;
  if (error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError")) return error;
  return new ConnectError("the server cannot be reached", Code.Unavailable, undefined, undefined, error);
}
