import { describe } from "bun:test";
import { friendFlows } from "../support/friend-flows.ts";
import { subprotocols } from "../support/socket.ts";
import { startTarget } from "../support/target.ts";

describe.each(subprotocols)("%s", (subprotocol) => friendFlows(startTarget, subprotocol));
