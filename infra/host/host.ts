import type { Cache } from "../cache/cache.ts";
import { createMemoryCache } from "../cache/memory.ts";
import { createLogger, type RootLogger } from "../clog/clog.ts";
import type { Coord, NumberLease } from "../coord/coord.ts";
import { createLocalCoord } from "../coord/local.ts";
import type { Db } from "../db/db.ts";
import { createSqliteDb } from "../db/sqlite.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import { startProcessMetrics } from "../metrics/process.ts";
import { createEmbeddedMq } from "../mq/embedded.ts";
import type { Mq } from "../mq/mq.ts";
import { createIds, type Ids, workerMax } from "../uid/uid.ts";
import type { HostConfig } from "./config.ts";
import { type DataFolder, openDataFolder, readOrMakeSecret } from "./data-folder.ts";
import { exitCodes, StartError } from "./start-error.ts";

/** Everything shared that the services of one process are given. Closed in the reverse order of its making. */
export interface Host extends AsyncDisposable {
  readonly clog: RootLogger;
  readonly metrics: Metrics;
  readonly coord: Coord;
  readonly worker: NumberLease;
  readonly ids: Ids;
  readonly cache: Cache;
  readonly folder: DataFolder;
  readonly serviceToken: string;
  /** The log; opened on the first call. Its file belongs to one process. */
  mq(): Mq;
  /** The domain database; opened on the first call. Only repo asks for it. */
  db(): Db;
}

/** Opens the embedded backends in the order of spec 60 §14. Throws StartError with what to do. */
export async function openHost(config: HostConfig, service: string): Promise<Host> {
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
  const coord = stack.use(createLocalCoord({ clog: clog.namespace("coord") }));
  const worker = await coord.claimNumber("ids", { min: 1, max: workerMax });
  stack.defer(() => worker.release());
  const cache = stack.use(createMemoryCache({ metrics }));
  let db: Db | undefined;
  stack.defer(() => db?.[Symbol.asyncDispose]());
  let mq: Mq | undefined;
  stack.defer(() => mq?.[Symbol.asyncDispose]());
  const opened = stack.move();
  return {
    clog,
    metrics,
    coord,
    worker,
    ids: createIds({ worker }),
    cache,
    folder,
    serviceToken: config.rpc.serviceToken ?? readOrMakeSecret(folder.file("service-token")),
    mq() {
      mq ??= openFile(folder.file("log.db"), (file) =>
        createEmbeddedMq({ file, clog: clog.namespace("mq"), metrics, source: service, fsync: config.log.fsync }),
      );
      return mq;
    },
    db() {
      db ??= openFile(folder.file("gochat.db"), (file) => createSqliteDb({ file }));
      return db;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function openFile<T>(file: string, open: (file: string) => T): T {
  try {
    return open(file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const hint = /lock|busy|in use/i.test(reason)
      ? "Another GoChat uses this data folder: stop it, or choose another folder with --data DIR."
      : "Check the disk and the rights of the file.";
    throw new StartError(`${file} cannot be opened (${reason}). ${hint}`, exitCodes.dataFolder, { cause: error });
  }
}
