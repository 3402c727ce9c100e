import { readFileSync } from "node:fs";
import type { CoordConfig } from "./config.ts";
import { CoordUnavailableError } from "./coord.ts";

/** A refusal by etcd itself. `code` is gRPC's: 5 not found, 11 compacted, 16 unauthenticated … */
export class EtcdError extends Error {
  override readonly name = "EtcdError";
  readonly code: number;
  constructor(message: string, code: number) {
    super(message);
    this.code = code;
  }
}

/** etcd's v3 API as JSON over HTTP (its own gateway, on the port of the clients). */
export interface EtcdHttp {
  /** `host:port` of all servers, for people. */
  readonly where: string;
  /** One call, at most `timeout` in all. `repeatable`: may be sent to the next server when the first gives no answer; else only when it was not reached at all.
   *  Rejects with EtcdError, or with CoordUnavailableError. */
  call(path: string, body: object, options?: { repeatable?: boolean }): Promise<Reply>;
  /** Lines of an answer that does not end. Ends or throws when the connection does; `signal` ends it. */
  stream(path: string, body: object, signal: AbortSignal): AsyncGenerator<Reply>;
  /** Ends everything that is under way. */
  close(): void;
}

/** Parsed JSON of etcd; 64-bit numbers are texts, and what is zero is left out. */
export type Reply = { readonly [name: string]: unknown };

export type EtcdAccess = Pick<
  CoordConfig,
  "endpoints" | "username" | "password" | "tls" | "tlsCaFile" | "tlsCertFile" | "tlsKeyFile" | "timeout"
>;

const unauthenticated = 16;
const unavailable = new Set([1, 4, 8, 14]);
/** Bytes of one line of a stream: an answer of etcd is at most a few MiB. */
const lineBytesMax = 64 * 1024 * 1024;

export function createEtcdHttp(access: EtcdAccess): EtcdHttp {
  const endpoints = (access.endpoints ?? ["localhost:2379"]).map((one) =>
    /^https?:/.test(one) ? one : `${access.tls ? "https" : "http"}://${one}`,
  );
  const where = endpoints.join(", ");
  const tls = tlsOf(access);
  const closing = new AbortController();
  let preferred = 0;
  let token: string | undefined;

  const send = async (at: number, path: string, body: object, signal: AbortSignal): Promise<Response> => {
    if (access.username !== undefined && token === undefined && path !== "/v3/auth/authenticate")
      token = await authenticate(at, signal);
    const response = await fetch(endpoints[at % endpoints.length] + path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: token === undefined ? {} : { authorization: token },
      signal,
      // HTTP_PROXY is meant for the world outside.
      proxy: false,
      ...(tls !== undefined && { tls }),
    });
    if (response.ok) return response;
    const refusal = refusalOf(response.status, await response.text());
    // Tokens have a time to live of etcd's own.
    if (refusal.code === unauthenticated || /invalid auth token/.test(refusal.message)) token = undefined;
    throw refusal;
  };
  const authenticate = async (at: number, signal: AbortSignal): Promise<string> => {
    const body = { name: access.username, password: access.password };
    const response = await send(at, "/v3/auth/authenticate", body, signal);
    return String(recordOf(await response.json()).token);
  };
  const attempts = async <T>(use: (at: number) => Promise<T>, repeatable: boolean): Promise<T> => {
    for (let tried = 1; ; tried += 1) {
      const had = token;
      try {
        return await use(preferred);
      } catch (error) {
        closing.signal.throwIfAborted();
        const expired = had !== undefined && token === undefined;
        if (error instanceof EtcdError && !unavailable.has(error.code) && !expired) throw error;
        if (!expired) preferred = (preferred + 1) % endpoints.length;
        if (tried > endpoints.length || !(repeatable || expired || isUnsent(error)))
          throw new CoordUnavailableError(`etcd at ${where} cannot be reached: ${messageOf(error)}`, { cause: error });
      }
    }
  };
  return {
    where,
    call(path, body, options) {
      return attempts(async (at) => {
        const signal = AbortSignal.any([AbortSignal.timeout(access.timeout), closing.signal]);
        const response = await send(at, path, body, signal);
        return recordOf(await response.json());
      }, options?.repeatable ?? false);
    },
    async *stream(path, body, signal) {
      // Only the beginning has a bound; the rest lasts as long as it is wanted.
      const open = new AbortController();
      const ended = AbortSignal.any([open.signal, signal, closing.signal]);
      const timer = setTimeout(() => open.abort(new CoordUnavailableError("no answer in time")), access.timeout);
      try {
        const response = await attempts((at) => send(at, path, body, ended), true);
        for await (const line of linesOf(response)) {
          clearTimeout(timer);
          yield line;
        }
      } finally {
        clearTimeout(timer);
        open.abort();
      }
    },
    close: () => closing.abort(new CoordUnavailableError("coord is closed")),
  };
}

async function* linesOf(response: Response): AsyncGenerator<Reply> {
  if (response.body === null) return;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > lineBytesMax) throw new CoordUnavailableError("etcd sends a line without end");
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n")) {
      const line = rest.slice(0, end).trim();
      rest = rest.slice(end + 1);
      if (line !== "") yield recordOf(JSON.parse(line));
    }
  }
}

function refusalOf(status: number, body: string): EtcdError {
  try {
    const { message, error, code } = recordOf(JSON.parse(body));
    return new EtcdError(String(message ?? error ?? body), Number(code ?? 0));
  } catch {
    // Not etcd but something before it.
    return new EtcdError(`status ${status}`, 14);
  }
}

/** The connection was never made, so nothing can have been done. */
function isUnsent(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    /ConnectionRefused|ECONNREFUSED|FailedToOpenSocket|ENOTFOUND/.test(String(error.code))
  );
}

export function recordOf(value: unknown): Reply {
  const isRecord = (one: unknown): one is Reply => typeof one === "object" && one !== null && !Array.isArray(one);
  return isRecord(value) ? value : {};
}

function tlsOf(access: EtcdAccess): { ca?: string; cert?: string; key?: string } | undefined {
  const { tlsCaFile, tlsCertFile, tlsKeyFile } = access;
  if (tlsCaFile === undefined && tlsCertFile === undefined) return undefined;
  return {
    ...(tlsCaFile !== undefined && { ca: readFileSync(tlsCaFile, "utf8") }),
    ...(tlsCertFile !== undefined && { cert: readFileSync(tlsCertFile, "utf8") }),
    ...(tlsKeyFile !== undefined && { key: readFileSync(tlsKeyFile, "utf8") }),
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
