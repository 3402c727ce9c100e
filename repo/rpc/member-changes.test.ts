import { createTestRepo } from "../testing.ts";
import { memberChangesSuite } from "./member-changes.suite.ts";

memberChangesSuite(createTestRepo);
