import { changeSuite } from "./change.suite.ts";
import { createTestRepo } from "./testing.ts";

changeSuite(createTestRepo);
