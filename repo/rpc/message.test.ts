import { createTestRepo } from "../testing.ts";
import { messageServiceSuite } from "./message.suite.ts";

messageServiceSuite(createTestRepo);
