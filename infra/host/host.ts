import type { Cache } from "../cache/cache.ts";
import { createLogger, type RootLogger } from "../clog/clog.ts";
import type { Environment } from "../config/keys.ts";
import { type Coord, type NumberLease, workerPool } from "../coord/coord.ts";
import type { Db } from "../db/db.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import { startProcessMetrics } from "../metrics/process.ts";
import type { Mq } from "../mq/mq.ts";
import { tracedMq } from "../trace/mq.ts";
import { openTracer } from "../trace/open.ts";
import type { ConfigurableTracer } from "../trace/trace.ts";
import { createIds, type Ids, workerMax } from "../uid/uid.ts";
import { type Opening, openCache, openCoord, openDb, openMq } from "./backends.ts";
import type { HostConfig } from "./config.ts";
import { type DataFolder, openDataFolder, readOrMakeSecret } from "./data-folder.ts";

/** Everything shared that the services of one process are given. Closed in the reverse order of its making. */
export interface Host extends AsyncDisposable {
  readonly clog: RootLogger;
  readonly metrics: Metrics;
  readonly tracer: ConfigurableTracer;
  readonly coord: Coord;
  readonly worker: NumberLease;
  readonly ids: Ids;
  readonly cache: Cache;
  readonly folder: DataFolder;
  readonly serviceToken: string;
  /** The log; opened on the first call. */
  mq(): Promise<Mq>;
  /** The domain database; opened on the first call. Only repo asks for it. */
  db(): Promise<Db>;
}

/** Opens what the configuration names, in the order of spec 60 §14. Rejects with StartError with what to do. */
export async function openHost(config: HostConfig, environment: Environment, service: string): Promise<Host> {
  const folder = openDataFolder(config.data.dir);
  await using stack = new AsyncDisposableStack();
  const clog = createLogger({
    service,
    level: config.log.level,
    format: config.log.format,
    addSource: config.log.addSource,
  });
  const metrics = createMetrics();
  stack.use(startProcessMetrics(metrics));
  const tracer = stack.use(await openTracer(config.trace, { service, clog, metrics }));
  const opening: Opening = { config, environment, service, folder, clog, metrics };
  const coord = stack.use(await openCoord(opening));
  const worker = await coord.claimNumber(workerPool, { min: 1, max: workerMax });
  stack.defer(() => worker.release());
  const cache = stack.use(await openCache(opening));
  const db = lazy(() => openDb(opening));
  stack.use(db);
  const mq = lazy(async () => tracedMq(await openMq(opening), tracer));
  stack.use(mq);
  const opened = stack.move();
  return {
    clog,
    metrics,
    tracer,
    coord,
    worker,
    ids: createIds({ worker }),
    cache,
    folder,
    serviceToken: config.rpc.serviceToken ?? readOrMakeSecret(folder.file("service-token")),
    mq: mq.get,
    db: db.get,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Opened by the first `get`, closed with this when it was. */
function lazy<T extends AsyncDisposable>(open: () => Promise<T>): AsyncDisposable & { get(): Promise<T> } {
  let opened: Promise<T> | undefined;
  return {
    get() {
      opened ??= open();
      return opened;
    },
    async [Symbol.asyncDispose]() {
      // What could not be opened was told to the caller of `get`.
      const it = await opened?.catch(() => undefined);
      await it?.[Symbol.asyncDispose]();
    },
  };
}
