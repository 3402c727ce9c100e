import { describe } from "bun:test";
import { pusherFlows } from "../support/pusher-flows.ts";
import { startTarget } from "../support/target.ts";

describe("what services ask of a gateway", () => pusherFlows(startTarget));
