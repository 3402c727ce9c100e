import { chatFlows } from "../support/chat-flows.ts";
import { startTarget } from "../support/target.ts";

chatFlows(startTarget);
