import { createTestRepo } from "../testing.ts";
import { sessionStoreSuite } from "./session.suite.ts";

sessionStoreSuite(createTestRepo);
