import { sdkFlows } from "../support/sdk-flows.ts";
import { startTarget } from "../support/target.ts";

sdkFlows(startTarget);
