import { commitPropertySuite } from "./commit.property.suite.ts";
import { createTestRepo } from "./testing.ts";

commitPropertySuite(createTestRepo);
