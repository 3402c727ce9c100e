import type { Tables } from "#drizzle/schema.ts";
import type { Cache } from "#infra/cache/cache.ts";
import type { Logger } from "#infra/clog/clog.ts";
import type { ServiceInstance } from "#infra/coord/coord.ts";
import type { Db } from "#infra/db/db.ts";
import type { Metrics } from "#infra/metrics/metrics.ts";
import type { Tracer } from "#infra/trace/trace.ts";
import type { Ids } from "#infra/uid/uid.ts";
import { WORLD_ID } from "#proto/conversation-ids.ts";
import type { RepoConfig } from "./config.ts";
import type { PresenceStore } from "./store/presence.ts";
import type { Writes } from "./writes.ts";

/** What every store and rpc of this service is made of; `start.ts` builds it once. */
export interface RepoContext {
  readonly db: Db;
  /** Of `db`; only where this process is the only one that writes. */
  readonly writes?: Writes | undefined;
  /** The drizzle tables of the database's dialect. */
  readonly tables: Tables;
  readonly cache: Cache;
  readonly presence: PresenceStore;
  readonly ids: Ids;
  readonly clog: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  /** Unix milliseconds of this process; what is stored takes the database's clock (`now()` of infra/db/steps.ts). */
  readonly clock: () => number;
  readonly config: RepoConfig;
  /** The gateways of the registry; without it nobody can be told. */
  readonly gateways?: ListGateways | undefined;
}

export type ListGateways = () => Promise<readonly ServiceInstance[]>;

/** The conversation every account is a member of. */
export const worldId = WORLD_ID;
