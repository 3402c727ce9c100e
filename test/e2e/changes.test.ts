import { describe } from "bun:test";
import { changeFlows } from "../support/change-flows.ts";
import { subprotocols } from "../support/socket.ts";
import { startTarget } from "../support/target.ts";

describe.each(subprotocols)("%s", (subprotocol) => changeFlows(startTarget, subprotocol));
