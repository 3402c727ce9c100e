import { connectFlows } from "../support/connect-flows.ts";
import { startTarget } from "../support/target.ts";

connectFlows(startTarget);
