import { describe } from "bun:test";
import { draftFlows } from "../support/draft-flows.ts";
import { subprotocols } from "../support/socket.ts";
import { startTarget } from "../support/target.ts";

describe.each(subprotocols)("%s", (subprotocol) => draftFlows(startTarget, subprotocol));
