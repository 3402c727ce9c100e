import { describe } from "bun:test";
import { createSharedTestRepo, createTestRepo } from "../testing.ts";
import { pageStatementsSuite } from "./page-statements.suite.ts";

pageStatementsSuite(createTestRepo);
describe("where other processes write too", () => pageStatementsSuite(createSharedTestRepo));
