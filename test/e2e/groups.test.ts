import { describe } from "bun:test";
import { groupFlows } from "../support/group-flows.ts";
import { subprotocols } from "../support/socket.ts";
import { startTarget } from "../support/target.ts";

describe.each(subprotocols)("%s", (subprotocol) => groupFlows(startTarget, subprotocol));
