import { type ConfigOf, section } from "../config/config.ts";
import { bool, duration, int, secret } from "../config/keys.ts";
import { parseDsn } from "./dsn.ts";

/** The keys `db.…` (spec 60 §5). */
export const dbSpec = section(
  {
    dsn: secret({
      default: undefined,
      doc: "sqlite:FILE, mysql://USER:PASSWORD@HOST:PORT/NAME or postgres://…; unset: a file in the data folder",
    }),
    maxOpen: int({
      default: { development: 25, production: 100 },
      min: 1,
      max: 10_000,
      doc: "connections to the database at once",
    }),
    maxIdle: int({
      default: { development: 5, production: 10 },
      min: 0,
      max: 10_000,
      doc: "connections that are kept while nobody needs them",
    }),
    lifetime: duration({
      default: { development: 300_000, production: 3_600_000 },
      min: 1000,
      max: 86_400_000,
      doc: "after it a connection is closed",
    }),
    idle: duration({
      default: 1_800_000,
      min: 1000,
      max: 86_400_000,
      doc: "after it a connection that nobody used is closed",
    }),
    waitingMax: int({ default: 10_000, min: 1, max: 1_000_000, doc: "users that may wait for a connection" }),
    lockWait: duration({ default: 2000, min: 1000, max: 60_000, doc: "how long a statement waits for a lock" }),
    transactionTimeout: duration({
      default: 5000,
      min: 1000,
      max: 60_000,
      doc: "after it a transaction is rolled back",
    }),
    queryTimeout: duration({ default: 10_000, min: 1000, max: 600_000, doc: "after it a query is given up" }),
    slowThreshold: duration({
      default: { development: 100, production: 500 },
      min: 1,
      max: 60_000,
      doc: "statements that take longer are logged",
      hot: true,
    }),
    autoCreateDatabase: bool({ default: true, doc: "creates the database when the server does not have it" }),
    startWait: duration({ default: 30_000, min: 0, max: 600_000, doc: "how long a start waits for the server" }),
  },
  ({ dsn, lockWait, transactionTimeout }) => {
    if (lockWait >= transactionTimeout) return "lock_wait is shorter than transaction_timeout";
    try {
      if (dsn !== undefined) parseDsn(dsn);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  },
);

export type DbConfig = ConfigOf<typeof dbSpec>;
