import { createTestRepo } from "../testing.ts";
import { messageChangesSuite } from "./message-changes.suite.ts";

messageChangesSuite(createTestRepo);
