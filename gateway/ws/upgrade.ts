import type { RateLimit } from "#infra/ratelimit/ratelimit.ts";
import { AppError } from "#proto/errors.ts";
import { BEARER_SUBPROTOCOL_PREFIX, JSON_SUBPROTOCOL, PROTO_SUBPROTOCOL } from "#proto/frames.ts";
import { DEVICE_ID_CHARS_MAX, isPrintableAscii } from "#proto/limits.ts";
import { bearerToken } from "../auth/bearer.ts";
import type { TokenVerifier } from "../auth/token-verifier.ts";
import type { Cors } from "../http/cors.ts";
import { passMachine, rateLimited } from "../http/limits.ts";
import type { GatewayMetrics } from "../metrics.ts";
import type { Hub } from "./hub.ts";
import { type DeviceInfo, Session } from "./session.ts";

/** What the server needs to upgrade. */
export interface Upgrade {
  readonly session: Session;
  /** The subprotocol that was chosen, when the client offered some. */
  readonly headers: Record<string, string>;
}

/** The checks before the upgrade (spec 20 §1), all local. */
export interface Upgrader {
  /** Throws AppError: RATE_LIMITED, SERVICE_UNAVAILABLE (draining, full, overloaded), FORBIDDEN (origin), UNAUTHORIZED,
   *  INVALID_TOKEN, TOKEN_EXPIRED, INVALID_PARAMETER (query, or not an upgrade). */
  admit(request: Request, url: URL, address: string): Promise<Upgrade>;
}

export interface UpgraderOptions {
  readonly connectionsMax: number;
  readonly connectingMax: number;
}

export interface UpgraderDeps {
  readonly verifier: TokenVerifier;
  readonly ratelimit: RateLimit;
  readonly cors: Cors;
  readonly hub: Hub;
  readonly metrics: GatewayMetrics;
  readonly connecting: () => number;
  readonly draining: () => boolean;
  readonly clock: () => number;
  /** 0 … 1. Default Math.random. */
  readonly random?: () => number;
}

/** What a refused client is told to wait: a second, and up to so much more. */
const retryMinMs = 1000;
const retrySpreadMs = 5000;

const platforms = new Set(["web", "ios", "android", "desktop", "bot"]);
const userAgentCharsMax = 200;
const subprotocolsMax = 8;

export function createUpgrader(options: UpgraderOptions, deps: UpgraderDeps): Upgrader {
  const { verifier, ratelimit, cors, hub, metrics, clock, random = Math.random } = deps;

  function admitLoad(address: string): void {
    if (ratelimit.enabled) {
      const verdict = ratelimit.allowLocal(`ip:${address}`, "ws_connect");
      if (!verdict.allowed) {
        throw rateLimited(verdict);
      }
    }
    const full = hub.size >= options.connectionsMax || deps.connecting() >= options.connectingMax;
    if (full || deps.draining()) throw comeAgain();
  }

  /** Those who were refused together must not come again together. */
  function comeAgain(): AppError {
    const retryAfterMs = retryMinMs + Math.floor(random() * retrySpreadMs);
    return new AppError("SERVICE_UNAVAILABLE", { details: { retryAfterMs } });
  }

  return {
    async admit(request, url, address) {
      const { headers } = request;
      if (headers.get("upgrade")?.toLowerCase() !== "websocket") {
        throw new AppError("INVALID_PARAMETER", { message: "this is a WebSocket endpoint" });
      }
      await passMachine(ratelimit);
      admitLoad(address);
      if (!cors.allows(headers.get("origin"), headers.get("host"))) throw new AppError("FORBIDDEN");
      const offered = subprotocols(headers.get("sec-websocket-protocol"));
      const subprotocol = chosen(offered);
      const binary = subprotocol === PROTO_SUBPROTOCOL;
      const device = deviceOf(url.searchParams, { address, binary, userAgent: headers.get("user-agent") });
      metrics.authRequests.inc({ type: "ws" });
      let identity: Awaited<ReturnType<TokenVerifier["verify"]>>;
      try {
        identity = await verifier.verify(tokenOf(headers, offered, url.searchParams));
      } catch (error) {
        metrics.authFailures.inc({ reason: error instanceof AppError ? error.code : "INTERNAL_ERROR" });
        throw error;
      }
      // Asking for the keys may have taken a while.
      if (deps.draining()) throw comeAgain();
      return {
        session: new Session(Bun.randomUUIDv7(), identity, device, clock()),
        headers: offered.length === 0 ? {} : { "Sec-WebSocket-Protocol": subprotocol },
      };
    },
  };
}

function subprotocols(header: string | null): string[] {
  if (header === null) return [];
  return header
    .split(",", subprotocolsMax)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/** The first that is known. Empty for none: left to itself the runtime would select the first that was offered, a token even. */
function chosen(offered: readonly string[]): string {
  return offered.find((name) => name === JSON_SUBPROTOCOL || name === PROTO_SUBPROTOCOL) ?? "";
}

/** Header, then subprotocol, then query: the first that is there decides, good or bad. */
function tokenOf(headers: Headers, offered: readonly string[], query: URLSearchParams): string | undefined {
  const bearer = bearerToken(headers);
  if (bearer !== undefined) return bearer;
  const entry = offered.find((name) => name.startsWith(BEARER_SUBPROTOCOL_PREFIX));
  if (entry !== undefined) return entry.slice(BEARER_SUBPROTOCOL_PREFIX.length);
  return query.get("token") ?? undefined;
}

interface Connecting {
  readonly address: string;
  readonly binary: boolean;
  readonly userAgent: string | null;
}

function deviceOf(query: URLSearchParams, { address, binary, userAgent }: Connecting): DeviceInfo {
  const deviceId = query.get("deviceId") ?? "";
  if (deviceId !== "" && !isPrintableAscii(deviceId, DEVICE_ID_CHARS_MAX)) throw invalid("deviceId");
  const platform = query.get("platform") ?? "";
  if (platform !== "" && !platforms.has(platform)) throw invalid("platform");
  const version = query.get("v") ?? "0";
  if (!/^\d{1,6}$/.test(version)) throw invalid("v");
  return {
    deviceId,
    platform,
    carrier: binary ? "binary" : Number(version) >= 1 ? "joined" : "single",
    address,
    userAgent: printable(userAgent ?? ""),
  };
}

/** Header text goes to presence and events, so it is cut to what they take. */
function printable(text: string): string {
  return text.slice(0, userAgentCharsMax).replaceAll(/[^\x20-\x7e]/g, "?");
}

function invalid(field: string): AppError {
  return new AppError("INVALID_PARAMETER", { details: { fields: [{ field, message: "is not valid" }] } });
}
