import { createTestRepo } from "../testing.ts";
import { messageStoreSuite } from "./message.suite.ts";

messageStoreSuite(createTestRepo);
