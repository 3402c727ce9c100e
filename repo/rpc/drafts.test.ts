import { createTestRepo } from "../testing.ts";
import { draftsSuite } from "./drafts.suite.ts";

draftsSuite(createTestRepo);
