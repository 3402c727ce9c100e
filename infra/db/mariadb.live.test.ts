import { describe } from "bun:test";
import { dbConformance } from "./conformance.ts";
import { serverConformance } from "./server-conformance.ts";
import { openTestDb } from "./testing.ts";

const dsn = process.env.GOCHAT_TEST_MARIADB;

describe.skipIf(dsn === undefined)("mariadb (skipped without GOCHAT_TEST_MARIADB=mysql://…)", () => {
  dbConformance("mariadb", () => openTestDb(dsn ?? ""));
  serverConformance("mariadb", dsn ?? "");
});
