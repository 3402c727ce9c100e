import { createTestRepo } from "../testing.ts";
import { infoChangesSuite } from "./info-changes.suite.ts";

infoChangesSuite(createTestRepo);
