import type { Logger } from "#infra/clog/clog.ts";
import type { Registration, ServiceInstance } from "#infra/coord/coord.ts";

/** Between two looks, ms. */
const everyMsDefault = 60_000;

export interface SessionCountDeps {
  readonly registration: Pick<Registration, "update">;
  /** What the registry shows beside the number. */
  readonly metadata: ServiceInstance["metadata"];
  readonly count: () => number;
  readonly clog: Logger;
}

/** Keeps the number of sessions in the registration, as `sessions`: looked at once a minute and written where it
 *  changed, one write at a time. A write that fails is logged and made good at the next look. Disposing waits for the
 *  write under way, so that none follows the end of the registration. */
export function showSessionCount(
  { registration, metadata, count, clog }: SessionCountDeps,
  everyMs: number = everyMsDefault,
): AsyncDisposable {
  let shown = 0;
  let writing: Promise<void> | undefined;

  async function write(sessions: number): Promise<void> {
    try {
      await registration.update({ metadata: { ...metadata, sessions: String(sessions) } });
      shown = sessions;
    } catch (error) {
      clog.warn("the number of sessions is not in the registry", { sessions, err: error });
    } finally {
      writing = undefined;
    }
  }

  const looking = setInterval(() => {
    const sessions = count();
    if (sessions !== shown) writing ??= write(sessions);
  }, everyMs);
  looking.unref();
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(looking);
      await writing;
    },
  };
}
