import { createTestRepo } from "../testing.ts";
import { friendshipSuite } from "./friendship.suite.ts";

friendshipSuite(createTestRepo);
