import { expect, test } from "bun:test";
import { CoordUnavailableError, type ServiceInstance } from "#infra/coord/coord.ts";
import { createDirectClient } from "#infra/rpc/direct.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import type { ListGateways } from "../context.ts";
import { createTestRepo } from "../testing.ts";
import { codeOf } from "./changes-testing.ts";
import { onlineStatusSuite } from "./online-status.suite.ts";
import { onlineStatusService } from "./online-status.ts";

onlineStatusSuite(createTestRepo);

test("30 §4: ListGateways tells who is registered, with the sessions of its last report", async () => {
  await using repo = await createTestRepo();
  const list = async (gateways?: ListGateways) => {
    const service = onlineStatusService({ ...repo.context, gateways });
    return (await createDirectClient(OnlineStatusService, service, { errors: connectErrors }).listGateways({}))
      .gateways;
  };
  const instance = (id: string, metadata: Record<string, string>): ServiceInstance => ({
    ...{ name: "gateway", id, address: "127.0.0.1", port: 1, metadata },
  });
  const all = [
    instance("gateway-1", { incarnation: "a", sessions: "12" }),
    instance("gateway-2", { incarnation: "b" }),
    instance("gateway-3", { sessions: "-1e9" }),
  ];
  const told = (await list(async () => all)).map((one) => [one.gatewayId, one.incarnation, one.sessions]);
  expect(told).toEqual([
    ["gateway-1", "a", 12],
    ["gateway-2", "b", 0],
    ["gateway-3", "", 0],
  ]);
  expect(await list(async () => [])).toEqual([]);
  expect(await codeOf(list())).toBe("SERVICE_UNAVAILABLE");
  const away = () => Promise.reject(new CoordUnavailableError("away"));
  expect(await codeOf(list(away))).toBe("SERVICE_UNAVAILABLE");
});
