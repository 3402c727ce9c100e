import { sdkGroupFlows } from "../support/sdk-group-flows.ts";
import { startTarget } from "../support/target.ts";

sdkGroupFlows(startTarget);
