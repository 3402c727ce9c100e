import { describe } from "bun:test";
import { chatFlows } from "../support/chat-flows.ts";
import { subprotocols } from "../support/socket.ts";
import { startTarget } from "../support/target.ts";

describe.each(subprotocols)("%s", (subprotocol) => chatFlows(startTarget, subprotocol));
