import type { Mq } from "#infra/mq/mq.ts";

export type CheckState = "ok" | "degraded" | "down";

/** A check is at most this old: probes are answered from memory. */
const checkMs = 2000;

/** Watches the log. Repo watches the database and the cache; this service holds nothing else. */
export function createChecks(mq: Pick<Mq, "health">): { states(): Record<string, CheckState>; stop(): void } {
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
  return { states: () => ({ log }), stop: () => clearInterval(timer) };
}
