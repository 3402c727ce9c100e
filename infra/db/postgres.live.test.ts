import { describe } from "bun:test";
import { dbConformance } from "./conformance.ts";
import { serverConformance } from "./server-conformance.ts";
import { openTestDb } from "./testing.ts";

const dsn = process.env.GOCHAT_TEST_POSTGRES;

describe.skipIf(dsn === undefined)("postgres (skipped without GOCHAT_TEST_POSTGRES=postgres://…)", () => {
  dbConformance("postgres", () => openTestDb(dsn ?? ""));
  serverConformance("postgres", dsn ?? "");
});
