import { readFileSync } from "node:fs";
import type { Breakers, BreakersOptions } from "../breaker/breaker.ts";
import type { Cache } from "../cache/cache.ts";
import { createLogger, type RootLogger } from "../clog/clog.ts";
import { centrePrefix } from "../config/centre.ts";
import type { Environment } from "../config/keys.ts";
import type { Coord, NumberLease } from "../coord/coord.ts";
import type { Db } from "../db/db.ts";
import type { SearchIndex } from "../es/es.ts";
import { createMetrics, type Metrics } from "../metrics/metrics.ts";
import { startProcessMetrics } from "../metrics/process.ts";
import type { Mq } from "../mq/mq.ts";
import type { Objects } from "../objects/objects.ts";
import { createRateLimit, type RateLimit } from "../ratelimit/ratelimit.ts";
import { defaultRules } from "../ratelimit/rules.ts";
import { type RpcTls, readRpcTls } from "../rpc/tls.ts";
import { tracedMq } from "../trace/mq.ts";
import { openTracer } from "../trace/open.ts";
import type { ConfigurableTracer } from "../trace/trace.ts";
import type { Ids } from "../uid/uid.ts";
import { type Embedded, type Opening, openCache, openCoord, openDb, openEs, openMq, openObjects } from "./backends.ts";
import type { HostConfig } from "./config.ts";
import { type DataFolder, openDataFolder, readOrMakeSecret } from "./data-folder.ts";
import { readDescriptorLimit } from "./descriptors.ts";
import { openPolicies } from "./policies.ts";
import { claimWorker } from "./worker.ts";

/** Everything shared that the services of one process are given. Closed in the reverse order of its making. */
export interface Host extends AsyncDisposable {
  readonly clog: RootLogger;
  readonly metrics: Metrics;
  readonly tracer: ConfigurableTracer;
  readonly coord: Coord;
  readonly worker: NumberLease;
  readonly ids: Ids;
  readonly cache: Cache;
  /** The rules of the entrance: those of the centre over the built-in ones (spec 60 §8). */
  readonly ratelimit: RateLimit;
  readonly folder: DataFolder;
  readonly serviceToken: string;
  /** For the RPC listener and every call; undefined: plain HTTP. */
  readonly rpcTls: RpcTls | undefined;
  /** Breakers of one use, whose policies follow the centre (spec 60 §1). */
  breakers(options?: BreakersOptions): Breakers;
  /** The log; opened on the first call. */
  mq(): Promise<Mq>;
  /** The domain database; opened on the first call. Only repo asks for it. */
  db(): Promise<Db>;
  /** The search index; opened on the first call. */
  es(): Promise<SearchIndex>;
  /** Files of users; opened on the first call. */
  objects(): Promise<Objects>;
  /** Takes what is hot in a configuration: log, sampling, limits, bulks of the search index. */
  configure(config: HostConfig): void;
}

export interface HostOptions {
  readonly environment: Environment;
  readonly service: string;
  /** All that run in this process. */
  readonly services: readonly string[];
  /** In the place of the embedded drivers of log, cache and centre. */
  readonly embedded?: Embedded | undefined;
}

/** What is open when the configuration centre can be read. */
export type Base = Pick<Host, "clog" | "metrics" | "tracer" | "coord">;

/** Opens what the configuration names, in the order of spec 60 §14. `config` says how to reach the configuration centre; `complete` then reads the centre and answers
 *  the configuration of everything else. Rejects with StartError with what to do. */
export async function openHost(
  bootstrap: HostConfig,
  options: HostOptions,
  complete: (base: Base) => Promise<HostConfig>,
): Promise<Host> {
  const { environment, service, services, embedded } = options;
  const folder = openDataFolder(bootstrap.data.dir);
  const rpcTls = readRpcTls(bootstrap.rpc.tls, (path) => readFileSync(path, "utf8"));
  await using stack = new AsyncDisposableStack();
  const clog = createLogger({
    service,
    level: bootstrap.log.level,
    format: bootstrap.log.format,
    addSource: bootstrap.log.addSource,
  });
  const metrics = createMetrics();
  stack.use(startProcessMetrics(metrics));
  const descriptors = readDescriptorLimit();
  metrics
    .gauge("process_max_fds", "Descriptors that may be open; 0 where unknown.")
    .watch(() => descriptors?.soft ?? 0);
  const tracer = stack.use(await openTracer(bootstrap.trace, { service, clog, metrics }));
  const coord = stack.use(
    await openCoord({ config: bootstrap, environment, service, folder, clog, metrics, embedded }),
  );
  const config = await complete({ clog, metrics, tracer, coord });
  configureBase({ clog, tracer, metrics }, config);
  const opening: Opening = { config, environment, service, folder, clog, metrics, embedded };
  const worker = stack.use(await claimWorker(coord, { clog: clog.namespace("uid"), metrics }));
  const cache = stack.use(await openCache(opening));
  const policies = stack.use(await openPolicies({ environment, services }, { coord, clog, metrics }));
  const ratelimit = createRateLimit({ enabled: config.ratelimit.enabled }, { cache, clog, metrics });
  const rules = await ratelimit.follow(
    coord.settings,
    `${centrePrefix(environment, "gateway")}ratelimit/`,
    defaultRules,
  );
  stack.defer(() => rules.close());
  const db = lazy(() => openDb(opening));
  stack.use(db);
  const mq = lazy(async () => tracedMq(await openMq(opening, policies.breakers), tracer));
  stack.use(mq);
  const es = lazy(async () => {
    const index = await openEs(opening, policies.breakers());
    index.configure(config.es);
    return index;
  });
  stack.use(es);
  const objects = lazy(() => openObjects(opening, readOrMakeSecret(folder.file("objects-secret"))));
  stack.use(objects);
  const opened = stack.move();
  return {
    clog,
    metrics,
    tracer,
    coord,
    worker: worker.lease,
    ids: worker.ids,
    cache,
    ratelimit,
    breakers: policies.breakers,
    folder,
    serviceToken: config.rpc.serviceToken ?? readOrMakeSecret(folder.file("service-token")),
    rpcTls,
    mq: mq.get,
    db: db.get,
    es: async () => (await es.get()).index,
    objects: objects.get,
    configure(next) {
      configureBase({ clog, tracer, metrics }, next);
      ratelimit.setEnabled(next.ratelimit.enabled);
      es.opened()?.configure(next.es);
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** What is hot in what is open as soon as the centre is. */
function configureBase(base: Pick<Base, "clog" | "tracer" | "metrics">, config: HostConfig): void {
  const { clog, tracer, metrics } = base;
  const { log, trace } = config;
  Object.assign(metrics.slow, { requestMs: config.metrics.slowRequest, callMs: config.metrics.slowCall });
  clog.configure({ level: log.level, format: log.format });
  tracer.configure({ sampler: trace.sampler, ratio: trace.ratio });
}

interface Lazy<T> extends AsyncDisposable {
  get(): Promise<T>;
  opened(): T | undefined;
}

/** Opened by the first `get`, closed with this when it was. */
function lazy<T extends AsyncDisposable>(open: () => Promise<T>): Lazy<T> {
  let opened: Promise<T> | undefined;
  let there: T | undefined;
  return {
    get() {
      opened ??= open().then((it) => {
        there = it;
        return it;
      });
      return opened;
    },
    opened: () => there,
    async [Symbol.asyncDispose]() {
      // What could not be opened was told to the caller of `get`.
      const it = await opened?.catch(() => undefined);
      await it?.[Symbol.asyncDispose]();
    },
  };
}
