import { createTestRepo } from "../testing.ts";
import { planSuite } from "./plans.suite.ts";

planSuite(createTestRepo);
