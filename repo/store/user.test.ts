import { createTestRepo } from "../testing.ts";
import { userStoreSuite } from "./user.suite.ts";

userStoreSuite(createTestRepo);
