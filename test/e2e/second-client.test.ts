import { secondClientFlows } from "../support/second-client-flows.ts";
import { startTarget } from "../support/target.ts";

secondClientFlows(startTarget);
