import { friendFlows } from "../support/friend-flows.ts";
import { startTarget } from "../support/target.ts";

friendFlows(startTarget);
