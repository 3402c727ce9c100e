import { groupFlows } from "../support/group-flows.ts";
import { startTarget } from "../support/target.ts";

groupFlows(startTarget);
