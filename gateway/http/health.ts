import type { CheckState } from "#infra/host/checks.ts";

/** `/health` of the traffic port: without details, it is open to everybody. */
export function healthResponse(version: string, checks: Readonly<Record<string, CheckState>>, nowMs: number): Response {
  const down = Object.values(checks).includes("down");
  const body = { status: down ? "down" : "ok", time: Math.floor(nowMs / 1000), version };
  return Response.json(body, { status: down ? 503 : 200 });
}
