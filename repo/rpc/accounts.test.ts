import { createTestRepo } from "../testing.ts";
import { accountsSuite } from "./accounts.suite.ts";

accountsSuite(createTestRepo);
