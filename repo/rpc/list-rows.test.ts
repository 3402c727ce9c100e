import { createTestRepo } from "../testing.ts";
import { listRowsSuite } from "./list-rows.suite.ts";

listRowsSuite(createTestRepo);
