import type { Breakers, BreakersOptions } from "../breaker/breaker.ts";
import type { Cache } from "../cache/cache.ts";
import { createMemoryCache } from "../cache/memory.ts";
import type { Logger } from "../clog/clog.ts";
import type { Environment } from "../config/keys.ts";
import { coordDriver } from "../coord/config.ts";
import type { Coord } from "../coord/coord.ts";
import { createLocalCoord } from "../coord/local.ts";
import { connectDb } from "../db/connect.ts";
import type { Db } from "../db/db.ts";
import type { EsConfig } from "../es/config.ts";
import type { SearchIndex } from "../es/es.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { createEmbeddedMq } from "../mq/embedded.ts";
import { type Mq, MqUnavailableError } from "../mq/mq.ts";
import type { Objects } from "../objects/objects.ts";
import { sleepFor } from "../retry/retry.ts";
import type { HostConfig } from "./config.ts";
import type { DataFolder } from "./data-folder.ts";
import { exitCodes, StartError } from "./start-error.ts";

/** What takes the place of the embedded drivers, where those are in another process of this machine. */
export interface Embedded {
  coord(clog: Logger): Coord;
  cache(): Cache;
  mq(): Mq;
}

/** What the backends of a process are opened with. */
export interface Opening {
  readonly config: HostConfig;
  readonly environment: Environment;
  readonly service: string;
  readonly folder: DataFolder;
  readonly clog: Logger;
  readonly metrics: Metrics;
  readonly embedded?: Embedded | undefined;
}

/** While a start waits for a server it asks again after this, ms. */
const askAgainMs = 1000;

/** In this process, or etcd where endpoints are given. Rejects with StartError when etcd stays away. */
export async function openCoord({ config, clog, embedded }: Opening): Promise<Coord> {
  if (coordDriver(config.coord) === "local") {
    const log = clog.namespace("coord");
    return embedded?.coord(log) ?? createLocalCoord({ clog: log });
  }
  const { connectEtcd } = await import("../coord/etcd.ts");
  return orStartError("etcd", (config.coord.endpoints ?? ["localhost:2379"]).join(", "), "COORD_ETCD_ENDPOINTS", () =>
    connectEtcd(config.coord, { clog }),
  );
}

/** In this process, or Redis. Rejects with StartError when Redis stays away. */
export async function openCache({ config, clog, metrics, embedded }: Opening): Promise<Cache> {
  if (config.cache.driver === "memory") return embedded?.cache() ?? createMemoryCache({ metrics });
  const { connectRedis } = await import("../cache/redis.ts");
  return orStartError("Redis", config.cache.nodes.join(", "), "GOCHAT_CACHE__NODES", () =>
    connectRedis(config.cache, { clog, metrics }),
  );
}

/** A file of the data folder, or Kafka. Rejects with StartError when the brokers stay away. */
export async function openMq(
  { config, clog, metrics, service, folder, embedded }: Opening,
  breakers: (options: BreakersOptions) => Breakers,
): Promise<Mq> {
  if (config.mq.driver === "embedded") {
    if (embedded !== undefined) return embedded.mq();
    return openFile(folder.file("log.db"), (file) =>
      createEmbeddedMq({ file, clog: clog.namespace("mq"), metrics, source: service, fsync: config.log.fsync }),
    );
  }
  const { kafka, startWait } = config.mq;
  const where = kafka.brokers.join(", ");
  const { connectKafkaMq, produceBreaker } = await import("../mq/kafka.ts");
  const breaker = produceBreaker(breakers);
  const untilMs = performance.now() + startWait;
  return orStartError("Kafka", where, "GOCHAT_MQ__KAFKA__BROKERS", async () => {
    for (let asked = 1; ; asked += 1) {
      try {
        return await connectKafkaMq(kafka, { clog, metrics, source: service, breaker });
      } catch (error) {
        if (!(error instanceof MqUnavailableError) || performance.now() >= untilMs) throw error;
        if (asked === 1) clog.warn(`waiting for Kafka at ${where}, at most ${startWait / 1000} s`);
        await sleepFor(askAgainMs);
      }
    }
  });
}

/** A file of the data folder, or a server. Rejects with StartError when the server stays away. */
export function openDb({ config, environment, clog, folder }: Opening): Promise<Db> {
  return openFile(folder.file("gochat.db"), (file) => connectDb(config.db, file, { clog, environment }));
}

/** A search index, and how its hot settings are changed. */
export interface OpenedEs extends AsyncDisposable {
  readonly index: SearchIndex;
  configure(config: EsConfig): void;
}

/** A file of the data folder, or OpenSearch, which is not waited for: search alone is away without it. */
export async function openEs({ config, clog, folder }: Opening, breakers: Breakers): Promise<OpenedEs> {
  if (config.es.driver === "fts5") {
    const { createSqliteSearch } = await import("../es/sqlite-fts5.ts");
    const index = await openFile(folder.file("search.db"), (file) => createSqliteSearch({ file }));
    return { index, configure() {}, [Symbol.asyncDispose]: () => index[Symbol.asyncDispose]() };
  }
  const { createOpenSearch } = await import("../es/opensearch.ts");
  const index = createOpenSearch(config.es, { breakers, clog });
  const { configure } = index;
  return { index, configure, [Symbol.asyncDispose]: () => index[Symbol.asyncDispose]() };
}

/** A folder of the data folder, or S3, which is not waited for. `secret` signs the addresses of the folder. */
export async function openObjects({ config, folder }: Opening, secret: string): Promise<Objects> {
  if (config.objects.driver === "s3") {
    const { createS3Objects } = await import("../objects/s3.ts");
    return createS3Objects(config.objects);
  }
  const { openDirectoryObjects } = await import("../objects/directory.ts");
  const { publicUrl } = config.objects;
  return openFile(folder.file("objects"), (dir) => openDirectoryObjects({ dir, publicUrl, secret }));
}

async function orStartError<T>(what: string, where: string, setting: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `${what} at ${where} cannot be used (${reason}). Start it, or correct ${setting}.`,
      exitCodes.unavailable,
      { cause: error },
    );
  }
}

async function openFile<T>(file: string, open: (file: string) => T | Promise<T>): Promise<T> {
  try {
    return await open(file);
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    const hint = /lock|busy|in use/i.test(reason)
      ? "Another GoChat uses this data folder: stop it, or choose another folder with --data DIR."
      : "Check the disk and the rights of the file.";
    throw new StartError(`${file} cannot be opened (${reason}). ${hint}`, exitCodes.dataFolder, { cause: error });
  }
}
