import { createTestRepo } from "../testing.ts";
import { reactionsSuite } from "./reactions.suite.ts";

reactionsSuite(createTestRepo);
