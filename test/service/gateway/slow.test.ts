import { expect, test } from "bun:test";
import { newAccount } from "../../support/api.ts";
import { openTown } from "./gateway-fixture.ts";

test("60 §7: a request that took longer than the threshold is logged with its route and trace id, without its secrets", async () => {
  await using town = await openTown();
  const ann = await newAccount(town.api);
  const slow = () => town.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "slow request");
  town.metrics.slow.requestMs = 60_000;
  await town.api.call("GET", "/users/profile", undefined, ann.accessToken);
  const before = slow().length;
  town.metrics.slow.requestMs = 0;
  const answer = await town.api.call("GET", "/users/999?token=secret", undefined, ann.accessToken);
  const [line] = slow().slice(before);
  expect(line).toMatchObject({
    level: "warn",
    method: "GET",
    status: "404",
    trace_id: answer.headers.get("x-trace-id"),
  });
  expect(line.route).toMatch(/^\/api\/users\/:/);
  expect(line.latency_ms).toBeNumber();
  expect(JSON.stringify(line)).not.toContain("secret");
});
