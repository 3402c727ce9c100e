import type { Logger } from "../clog/clog.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { CheckState } from "./checks.ts";
import { listenError } from "./start-error.ts";

/** What the admin port tells of this process. */
export interface AdminSource {
  readonly service: string;
  readonly version: string;
  /** Start finished and not draining. */
  ready(): boolean;
  /** `down` in one of them makes /health answer 503. */
  checks(): Readonly<Record<string, CheckState>>;
  /** The configuration without secrets. */
  config(): unknown;
}

export interface Admin extends AsyncDisposable {
  readonly url: string;
}

/** Serves /health, /healthz, /readyz, /metrics and /debug/config. Throws StartError when the port is busy. */
export function startAdmin(
  options: { host: string; port: number },
  deps: { source: AdminSource; metrics: Metrics; clog: Logger; startedAtMs: number },
): Admin {
  const { source, metrics } = deps;
  const json = (body: unknown, status = 200): Response => Response.json(body, { status });
  const health = (): Response => {
    const checks = source.checks();
    const states = Object.values(checks);
    const status = states.includes("down") ? "down" : states.includes("degraded") ? "degraded" : "ok";
    const uptime = Math.round((Date.now() - deps.startedAtMs) / 1000);
    return json(
      { status, service: source.service, version: source.version, uptime, checks },
      status === "down" ? 503 : 200,
    );
  };
  const routes: Record<string, () => Response | Promise<Response>> = {
    "/health": health,
    "/healthz": () => json({ status: "ok" }),
    "/readyz": () => (source.ready() ? json({ status: "ready" }) : json({ status: "not ready" }, 503)),
    "/metrics": async () =>
      new Response(await metrics.render(), { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } }),
    "/debug/config": () => json(source.config()),
  };
  const server = serve(options, async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") return json({ error: "method not allowed" }, 405);
    return (await routes[new URL(request.url).pathname]?.()) ?? json({ error: "not found" }, 404);
  });
  deps.clog.debug("admin endpoints are served", { url: server.url.href });
  return {
    url: server.url.href.replace(/\/$/, ""),
    async [Symbol.asyncDispose]() {
      await server.stop(true);
    },
  };
}

function serve(options: { host: string; port: number }, fetch: (request: Request) => Promise<Response>) {
  try {
    return Bun.serve({ hostname: options.host, port: options.port, fetch });
  } catch (error) {
    throw listenError(error, options.host, options.port, "GOCHAT_ADMIN__PORT");
  }
}
