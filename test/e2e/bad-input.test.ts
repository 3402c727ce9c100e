import { badInput } from "../support/bad-input-flows.ts";
import { startTarget } from "../support/target.ts";

badInput(startTarget);
