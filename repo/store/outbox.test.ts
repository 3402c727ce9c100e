import { createTestRepo } from "../testing.ts";
import { outboxStoreSuite } from "./outbox.suite.ts";

outboxStoreSuite(createTestRepo);
