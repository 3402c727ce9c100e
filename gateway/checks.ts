import type { Mq } from "#infra/mq/mq.ts";

export type CheckState = "ok" | "degraded" | "down";

/** How old an answer about the log may be. */
const checkMs = 2000;

/** Watches the log without asking it for every probe of the health. */
export interface Checks {
  states(): Record<string, CheckState>;
  stop(): void;
}

export function createChecks(mq: Mq, draining: () => boolean): Checks {
  let log: CheckState = "ok";
  const look = async (): Promise<void> => {
    log = await mq.health().then(
      ({ status }) => status,
      () => "down",
    );
  };
  // `look` never rejects.
  const timer = setInterval(() => void look(), checkMs);
  timer.unref();
  return {
    states: () => ({ log, gateway: draining() ? "degraded" : "ok" }),
    stop: () => clearInterval(timer),
  };
}

/** `/health` of the traffic port: without details, it is open to everybody. */
export function healthResponse(version: string, checks: Readonly<Record<string, CheckState>>, nowMs: number): Response {
  const down = Object.values(checks).includes("down");
  const body = { status: down ? "down" : "ok", time: Math.floor(nowMs / 1000), version };
  return Response.json(body, { status: down ? 503 : 200 });
}
