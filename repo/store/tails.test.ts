import { createTestRepo } from "../testing.ts";
import { tailsSuite } from "./tails.suite.ts";

tailsSuite(createTestRepo);
