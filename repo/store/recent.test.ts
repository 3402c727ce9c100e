import { createTestRepo } from "../testing.ts";
import { recentRowsSuite } from "./recent.suite.ts";

recentRowsSuite(createTestRepo);
