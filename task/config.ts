import { type ConfigOf, loadConfig, section } from "#infra/config/config.ts";
import { bytes, duration, type Environment, int } from "#infra/config/keys.ts";

/** The keys of the service `task`. */
export const taskSpec = section({
  fanout: section({
    worldBatch: int({ default: 1000, min: 1, max: 1000, doc: "rows in one broadcast record", hot: true }),
    batchBytes: bytes({
      default: 512 * 1024,
      min: 64 * 1024,
      max: 1024 * 1024,
      doc: "bytes of one broadcast record",
      hot: true,
    }),
  }),
  outbox: section({
    sweepAfter: duration({ default: 10_000, min: 1000, max: 3_600_000, doc: "age of a row that is pushed again" }),
    sweepEvery: duration({ default: 1000, min: 10, max: 60_000, doc: "time between two looks" }),
    sweepRows: int({ default: 500, min: 1, max: 500, doc: "rows in one look" }),
  }),
  presence: section({
    offlineDelay: duration({
      default: 30_000,
      min: 0,
      max: 600_000,
      doc: "age of user.offline when friends are told, so that a short break is not seen",
    }),
    offlineWaitingMax: int({
      default: 10_000,
      min: 1,
      max: 1_000_000,
      doc: "users of one partition of gochat.user-events who wait for it, some 500 B each; with more the partition rests",
    }),
    sweepEvery: duration({
      default: 30_000,
      min: 100,
      max: 600_000,
      doc: "time between two looks for sessions of gateways that died",
    }),
    silentFor: duration({
      default: 90_000,
      min: 1000,
      max: 300_000,
      doc: "since the last report of such a session; longer than the gateways' presence.heartbeat",
    }),
  }),
});

export type TaskConfig = ConfigOf<typeof taskSpec>;

/** The defaults, for tests and compositions that read no files. */
export function defaultTaskConfig(environment: Environment): TaskConfig {
  return loadConfig(taskSpec, { environment }).config;
}
