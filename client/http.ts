import { ClientError } from "./errors.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `/api`, with a leading slash. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: object;
  readonly token?: string;
  /** Makes a POST that creates once over all its repeats; at most 64 characters. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal | undefined;
}

/** One request of the HTTP API: answers `data` of the success envelope, throws ClientError for everything else. */
export type Http = (request: HttpRequest) => Promise<unknown>;

const timeoutMs = 15_000;

export function createHttp(options: { baseUrl: string; fetch: Fetch }): Http {
  return async ({ method, path, query, body, token, idempotencyKey, signal }) => {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) params.set(name, String(value));
    const search = params.size === 0 ? "" : `?${params}`;
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (idempotencyKey !== undefined) headers["Idempotency-Key"] = idempotencyKey;
    if (token !== undefined) headers.Authorization = `Bearer ${token}`;
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const response = await options.fetch(`${options.baseUrl}/api${path}${search}`, {
        method,
        headers,
        signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return unwrap(response, await response.text());
    } catch (error) {
      if (error instanceof ClientError) throw error;
      if (signal?.aborted === true) throw new ClientError("CANCELLED", { cause: error });
      if (deadline.aborted) throw new ClientError("TIMEOUT", { cause: error });
      throw new ClientError("NETWORK_ERROR", { cause: error });
    }
  };
}

interface Envelope {
  readonly success?: unknown;
  readonly data?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly details?: unknown;
}

function unwrap(response: Response, text: string): unknown {
  let envelope: Envelope = {};
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === "object" && value !== null) envelope = value;
  } catch {
    // A proxy's page, for instance: the status alone speaks.
  }
  if (response.ok && envelope.success === true) return envelope.data;
  const code =
    typeof envelope.code === "string" ? envelope.code : response.ok ? "BAD_ANSWER" : codeOfStatus(response.status);
  const details = typeof envelope.details === "object" && envelope.details !== null ? envelope.details : {};
  const waitMs = (details as { retryAfterMs?: unknown }).retryAfterMs;
  const waitSeconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  throw new ClientError(code, {
    status: response.status,
    message: typeof envelope.message === "string" ? envelope.message : undefined,
    details: details as Record<string, unknown>,
    retryAfterMs: typeof waitMs === "number" ? waitMs : Number.isFinite(waitSeconds) ? waitSeconds * 1_000 : undefined,
  });
}

/** What stands between may answer without the envelope. */
function codeOfStatus(status: number): string {
  if (status === 401) return "UNAUTHORIZED";
  if (status === 404) return "NOT_FOUND";
  if (status === 429) return "RATE_LIMITED";
  if (status === 504) return "TIMEOUT";
  return status >= 500 ? "SERVICE_UNAVAILABLE" : "BAD_ANSWER";
}
