/** Answers of the browser's cross-origin questions (spec 10 §1), for the API and for Connect and gRPC-Web. */
export interface Cors {
  /** True when a page of this origin may open a socket: listed, or served by this very `Host`. Requests without `Origin`
   *  come from no page. */
  allows(origin: string | null, host: string | null): boolean;
  /** The 204 answer to a preflight, or undefined when the request is none. */
  preflight(request: Request): Response | undefined;
  /** Adds the headers of a simple or actual request. */
  decorate(request: Request, response: { readonly headers: Headers }): void;
}

const methods = "GET, POST, PUT, DELETE, OPTIONS";
/** The API's, then those of Connect and gRPC-Web. */
const requestHeaders = [
  ...["Origin", "Content-Type", "Accept", "Authorization", "X-Trace-ID", "Idempotency-Key"],
  ...["Connect-Protocol-Version", "Connect-Timeout-Ms", "Connect-Content-Encoding", "Connect-Accept-Encoding"],
  ...["X-User-Agent", "X-Grpc-Web", "Grpc-Timeout"],
].join(", ");
const exposedHeaders = [
  ...["X-Trace-ID", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"],
  ...["Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin", "Connect-Content-Encoding"],
].join(", ");
const preflightSeconds = 7200;

/** `origins`: `["*"]` allows all, an empty list none. No cookies are used, so credentials are never allowed. */
export function createCors(origins: readonly string[]): Cors {
  const all = origins.includes("*");
  const listed = new Set(origins);
  const given = (origin: string | null): origin is string => origin !== null && (all || listed.has(origin));

  function decorate(request: Request, response: { readonly headers: Headers }): void {
    const origin = request.headers.get("origin");
    if (!given(origin)) return;
    const { headers } = response;
    headers.set("Access-Control-Allow-Origin", all ? "*" : origin);
    headers.set("Access-Control-Expose-Headers", exposedHeaders);
    if (!all) headers.append("Vary", "Origin");
  }

  return {
    allows: (origin, host) => origin === null || given(origin) || (host !== null && hostOf(origin) === host),
    preflight(request) {
      if (request.method !== "OPTIONS" || !request.headers.has("access-control-request-method")) return undefined;
      const headers = new Headers();
      if (given(request.headers.get("origin"))) {
        decorate(request, { headers });
        headers.set("Access-Control-Allow-Methods", methods);
        headers.set("Access-Control-Allow-Headers", requestHeaders);
        headers.set("Access-Control-Max-Age", String(preflightSeconds));
      }
      return new Response(null, { status: 204, headers });
    },
    decorate,
  };
}

/** TLS may end before us, so only the host is compared. */
function hostOf(origin: string): string | undefined {
  return URL.parse(origin)?.host;
}
