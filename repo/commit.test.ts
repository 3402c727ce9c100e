import { commitSuite } from "./commit.suite.ts";
import { createTestRepo } from "./testing.ts";

commitSuite(createTestRepo);
