import { describe } from "bun:test";
import { chatFlows } from "../support/chat-flows.ts";
import { startCluster } from "../support/cluster.ts";
import { needsServers, noServers, openServers } from "../support/servers.ts";
import type { Target } from "../support/target.ts";

async function twoGateways(): Promise<Target> {
  const cluster = await startCluster(openServers().addresses);
  const [first = "", last = ""] = cluster.urls;
  return { first, last, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

describe.skipIf(noServers)(`two people on two gateways${needsServers}`, () => chatFlows(twoGateways));
