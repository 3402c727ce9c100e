import { describe } from "bun:test";
import { dbConformance } from "./conformance.ts";
import { serverConformance } from "./server-conformance.ts";
import { openTestDb } from "./testing.ts";

const dsn = process.env.GOCHAT_TEST_MYSQL;

describe.skipIf(dsn === undefined)("mysql (skipped without GOCHAT_TEST_MYSQL=mysql://…)", () => {
  dbConformance("mysql", () => openTestDb(dsn ?? ""));
  serverConformance("mysql", dsn ?? "");
});
