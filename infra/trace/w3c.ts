/** W3C Trace Context, level 1: `traceparent` of version 00. */

export const TRACEPARENT_HEADER = "traceparent";

export interface TraceContext {
  /** 32 hex digits, lower case, not all zero. */
  readonly traceId: string;
  /** 16 hex digits, lower case, not all zero. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const sampledFlag = 1;

/** Reads a `traceparent`; undefined when it is none. Of later versions the known part counts, as the standard says. */
export function parseTraceparent(text: string | null | undefined): TraceContext | undefined {
  const match = text === null || text === undefined ? null : pattern.exec(text);
  if (match === null) return undefined;
  const [, version = "", traceId = "", spanId = "", flags = "", rest] = match;
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & sampledFlag) === sampledFlag };
}

export function formatTraceparent({ traceId, spanId, sampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const hex32 = /^[0-9a-f]{32}$/i;

/** The W3C id of a trace that the project names by `X-Trace-ID`. */
export function w3cTraceId(traceId: string): string {
  const hex = uuid.test(traceId)
    ? traceId.replaceAll("-", "")
    : hex32.test(traceId)
      ? traceId
      : new Bun.CryptoHasher("sha256").update(traceId).digest("hex").slice(0, 32);
  return hex.toLowerCase();
}
