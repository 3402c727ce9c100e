import { afterAll, describe } from "bun:test";
import { badInput } from "../support/bad-input-flows.ts";
import { changeFlows } from "../support/change-flows.ts";
import { chatFlows } from "../support/chat-flows.ts";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { connectFlows } from "../support/connect-flows.ts";
import { draftFlows } from "../support/draft-flows.ts";
import { friendFlows } from "../support/friend-flows.ts";
import { groupFlows } from "../support/group-flows.ts";
import { metricsFlows } from "../support/metrics-flows.ts";
import { pusherFlows } from "../support/pusher-flows.ts";
import { sdkFlows } from "../support/sdk-flows.ts";
import { sdkGroupFlows } from "../support/sdk-group-flows.ts";
import { secondClientFlows } from "../support/second-client-flows.ts";
import { needsServers, noServers, openServers } from "../support/servers.ts";
import type { Target } from "../support/target.ts";

let cluster: Promise<Cluster> | undefined;

/** One cluster for every suite, which leaves it running. */
async function twoGateways(): Promise<Target> {
  cluster ??= startCluster(openServers().addresses);
  const { urls, members, member, rpc } = await cluster;
  const [first = "", last = ""] = urls;
  const inside = {
    ...rpc,
    adminUrls: members.map(({ adminUrl }) => adminUrl),
    async crash() {
      await member("gateway-1").kill();
      await member("gateway-1").start();
    },
  };
  return { first, last, inside, [Symbol.asyncDispose]: () => Promise.resolve() };
}
afterAll(async () => (await cluster)?.[Symbol.asyncDispose](), 60_000);

/** The end-to-end tests of test/e2e that are not about one process. */
describe.skipIf(noServers)(`people on two gateways${needsServers}`, () => {
  describe("chat", () => chatFlows(twoGateways));
  describe("changes", () => changeFlows(twoGateways));
  describe("drafts", () => draftFlows(twoGateways));
  describe("friends", () => friendFlows(twoGateways));
  describe("groups", () => groupFlows(twoGateways));
  describe("bad input", () => badInput(twoGateways));
  describe("Connect and gRPC-Web", () => connectFlows(twoGateways));
  describe("a second client", () => secondClientFlows(twoGateways));
  describe("what services ask of a gateway", () => pusherFlows(twoGateways));
  describe("the SDK", () => sdkFlows(twoGateways));
  describe("the SDK in groups", () => sdkGroupFlows(twoGateways));
  describe("metrics", () => metricsFlows(twoGateways, "several"));
});
