import { type CheckState, watchChecks } from "#infra/host/checks.ts";
import { systemClock } from "#infra/mq/mq.ts";
import type { RpcService } from "#infra/rpc/rpc.ts";
import { noTracer } from "#infra/trace/trace.ts";
import { topics } from "#proto/topics.ts";
import type { TaskConfig } from "./config.ts";
import type { TaskDeps } from "./deps.ts";
import { subscribeFanout } from "./fanout.ts";
import { startSweeper } from "./outbox.ts";
import { startPresenceSweeper } from "./presence.ts";
import { createSweep } from "./sweep.ts";
import { subscribeUserEvents } from "./user-events.ts";

export interface RunningTask extends AsyncDisposable {
  /** None: this service is called by nobody. */
  readonly services: readonly RpcService[];
  readonly url?: string | undefined;
  checks(): Readonly<Record<string, CheckState>>;
}

/** Broadcasts what rooms are owed, sweeps the outbox, tells friends who is online. The backends stay the caller's. Disposing ends the sweep
 *  between two parts, then finishes the broadcasts in flight. */
export async function startTask(config: TaskConfig, deps: TaskDeps): Promise<RunningTask> {
  const clog = deps.clog.namespace("task");
  const clock = deps.clock ?? Date.now;
  const { mq, repo, coord, metrics, sleep } = deps;
  await mq.ensureTopics([topics.fanout, topics.broadcast, topics.persist, topics.userEvents]);
  await using stack = new AsyncDisposableStack();
  const { fanout } = config;
  const limits = {
    // Hot (spec 60 §13).
    get rowsMax() {
      return fanout.worldBatch;
    },
    get bytesMax() {
      return fanout.batchBytes;
    },
  };
  const tracer = deps.tracer ?? noTracer;
  stack.use(await subscribeFanout(limits, { mq, clog: clog.namespace("fanout"), metrics, tracer, clock }));
  const sweep = createSweep({ mq, repo, clock });
  const sweeper = stack.use(
    startSweeper(config.outbox, { repo, sweep, coord, clog: clog.namespace("outbox"), metrics, sleep }),
  );

  const presence = stack.use(
    startPresenceSweeper(config.presence, {
      repo,
      mq,
      coord,
      clog: clog.namespace("presence"),
      metrics,
      clock,
      sleep,
    }),
  );

  const timers = { now: clock, after: systemClock.after };
  const userEvents = stack.use(
    await subscribeUserEvents(config.presence, {
      mq,
      repo,
      clog: clog.namespace("user-events"),
      metrics,
      clock: timers,
      random: Math.random,
    }),
  );

  const checks = stack.use(watchChecks({ log: async () => (await mq.health()).status }));
  const opened = stack.move();
  return {
    services: [],
    checks: () => ({
      ...checks.states(),
      outbox: sweeper.state(),
      presence: presence.state(),
      notices: userEvents.state(),
    }),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
