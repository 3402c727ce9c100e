import { afterAll, beforeAll, expect, test } from "bun:test";
import { newAccount } from "../../support/api.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

const buf = new URL("../../../node_modules/.bin/buf", import.meta.url).pathname;
let town: Town;
beforeAll(async () => {
  town = await openTown();
});
afterAll(() => town[Symbol.asyncDispose]());

test.each(["connect", "grpcweb"])(
  "30 §1: buf curl calls over %s without files, by the schema that the gateway serves",
  async (protocol) => {
    const ann = await newAccount(town.api);
    const call = [`${town.url}/gochat.logic.v1.UserService/GetProfile`, "--data", "{}"];
    const command = [buf, "curl", "--schema", `${town.url}/api/schema.binpb`, "--protocol", protocol];
    const header = ["--header", `Authorization: Bearer ${ann.accessToken}`];
    const child = Bun.spawn([...command, ...header, ...call], { stdout: "pipe", stderr: "pipe" });
    const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect(errors).toBe("");
    expect(JSON.parse(output)).toMatchObject({ user: { id: ann.userId, username: ann.username } });
  },
  60_000,
);
