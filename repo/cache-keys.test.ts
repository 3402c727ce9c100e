import { cacheKeysSuite } from "./cache-keys.suite.ts";
import { createTestRepo } from "./testing.ts";

cacheKeysSuite(createTestRepo);
