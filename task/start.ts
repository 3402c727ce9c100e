import type { RpcService } from "#infra/rpc/rpc.ts";
import { topics } from "#proto/topics.ts";
import type { TaskConfig } from "./config.ts";
import type { TaskDeps } from "./deps.ts";
import { subscribeFanout } from "./fanout.ts";
import { startSweeper } from "./outbox.ts";
import { createSweep } from "./sweep.ts";

type CheckState = "ok" | "degraded" | "down";

export interface RunningTask extends AsyncDisposable {
  /** None: this service is called by nobody. */
  readonly services: readonly RpcService[];
  readonly url?: string | undefined;
  checks(): { readonly log: CheckState; readonly outbox: CheckState };
}

/** A check is at most this old: probes are answered from memory. */
const checkMs = 2000;

/** Broadcasts what rooms are owed and sweeps the outbox. The backends stay the caller's. Disposing ends the sweep
 *  between two parts, then finishes the broadcasts in flight. */
export async function startTask(config: TaskConfig, deps: TaskDeps): Promise<RunningTask> {
  const clog = deps.clog.namespace("task");
  const clock = deps.clock ?? Date.now;
  const { mq, repo, coord, metrics, sleep } = deps;
  await mq.ensureTopics([topics.fanout, topics.broadcast, topics.persist]);
  await using stack = new AsyncDisposableStack();
  const limits = { rowsMax: config.fanout.worldBatch, bytesMax: config.fanout.batchBytes };
  stack.use(await subscribeFanout(limits, { mq, clog: clog.namespace("fanout"), metrics, clock }));
  const sweep = createSweep({ mq, repo, clock });
  const sweeper = stack.use(
    startSweeper(config.outbox, { repo, sweep, coord, clog: clog.namespace("outbox"), metrics, sleep }),
  );

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
  stack.defer(() => clearInterval(timer));
  const opened = stack.move();
  return {
    services: [],
    checks: () => ({ log, outbox: sweeper.state() }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
