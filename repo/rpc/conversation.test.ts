import { createTestRepo } from "../testing.ts";
import { conversationServiceSuite } from "./conversation.suite.ts";

conversationServiceSuite(createTestRepo);
