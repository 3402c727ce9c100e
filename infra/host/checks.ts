export type CheckState = "ok" | "degraded" | "down";

/** Asks one dependency how it is. What it throws counts as `down`. */
export type Probe = () => CheckState | Promise<CheckState>;

/** The states of a service's dependencies, answered from memory. */
export interface Checks extends Disposable {
  states(): Readonly<Record<string, CheckState>>;
}

/** A state is at most this old, ms: dependencies are not asked for every look at the health. */
const checkMs = 2000;

/** Looks at all probes now and every `checkMs`, one round at a time. A state is `ok` until its first answer. */
export function watchChecks(probes: Readonly<Record<string, Probe>>): Checks {
  const states: Record<string, CheckState> = {};
  for (const name of Object.keys(probes)) states[name] = "ok";
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    await Promise.all(
      Object.entries(probes).map(async ([name, probe]) => {
        try {
          states[name] = await probe();
        } catch {
          states[name] = "down";
        }
      }),
    );
    looking = false;
  };
  // `look` never rejects.
  const timer = setInterval(() => void look(), checkMs);
  timer.unref();
  void look();
  return { states: () => ({ ...states }), [Symbol.dispose]: () => clearInterval(timer) };
}
