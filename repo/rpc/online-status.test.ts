import { createTestRepo } from "../testing.ts";
import { onlineStatusSuite } from "./online-status.suite.ts";

onlineStatusSuite(createTestRepo);
