import { routesSuite } from "./routes.suite.ts";
import { createTestRepo } from "./testing.ts";

routesSuite(createTestRepo);
