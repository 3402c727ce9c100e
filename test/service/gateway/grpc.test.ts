import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Account, newAccount } from "../../support/api.ts";
import { openTown, type Town } from "./gateway-fixture.ts";

const buf = new URL("../../../node_modules/.bin/buf", import.meta.url).pathname;
const startMs = 60_000;
let town: Town;
let ann: Account;
let url: string;
beforeAll(async () => {
  town = await openTown((config) => ({ ...config, grpcPort: 0 }));
  ann = await newAccount(town.api);
  url = town.gateway.grpcUrl ?? "";
});
afterAll(() => town[Symbol.asyncDispose]());

interface Said {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

async function run(command: string[]): Promise<Said> {
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { exitCode: await child.exited, output, errors };
}

/** `buf curl` that has no files and no schema but what the server tells of itself. */
function reflected(...args: string[]): Promise<Said> {
  return run([buf, "curl", "--reflect", "--http2-prior-knowledge", ...args]);
}

test.each(["grpc", "connect", "grpcweb"])(
  "30 §1: by reflection, buf curl logs in and reads a profile over %s",
  async (protocol) => {
    const signIn = JSON.stringify({ username: ann.username, password: ann.password });
    const login = await reflected("--protocol", protocol, "-d", signIn, `${url}/gochat.logic.v1.AuthService/Login`);
    expect(login.errors).toBe("");
    expect(JSON.parse(login.output)).toMatchObject({ user: { id: ann.userId } });
    const header = ["--header", `Authorization: Bearer ${ann.accessToken}`];
    const call = ["-d", "{}", `${url}/gochat.logic.v1.UserService/GetProfile`];
    const profile = await reflected("--protocol", protocol, ...header, ...call);
    expect(profile.errors).toBe("");
    expect(JSON.parse(profile.output)).toMatchObject({ user: { username: ann.username } });
  },
  startMs,
);

test.each(["grpc-v1", "grpc-v1alpha"])(
  "30 §1: reflection in %s lists the public services and their methods, and no other",
  async (version) => {
    const listed = await reflected("--reflect-protocol", version, "--list-methods", url);
    expect(listed.errors).toBe("");
    expect(listed.output).toContain("gochat.logic.v1.AuthService/Login\n");
    expect(listed.output).not.toContain("gochat.repo");
    expect(listed.output).not.toContain("PusherService");
  },
  startMs,
);

test(
  "30 §1: without a token, with a wrong one, and with facts that only services tell, gRPC lets nobody in",
  async () => {
    const call = ["--protocol", "grpc", "-d", "{}", `${url}/gochat.logic.v1.UserService/GetProfile`];
    for (const header of [[], ["Authorization: Bearer x.y.z"], [`X-User-Id: ${ann.userId}`]]) {
      const refused = await reflected(...header.flatMap((one) => ["--header", one]), ...call);
      expect(refused.exitCode).not.toBe(0);
      expect(JSON.parse(refused.errors)).toMatchObject({ code: "unauthenticated" });
    }
  },
  startMs,
);

test(
  "30 §1: methods that are not public answer `unimplemented`, unknown paths too",
  async () => {
    const schema = ["--schema", "proto", "--http2-prior-knowledge", "--protocol", "grpc", "-d", "{}"];
    for (const method of ["gochat.logic.v1.AuthService/ValidateToken", "gochat.repo.v1.UserService/GetUser"]) {
      const refused = await run([buf, "curl", ...schema, `${url}/${method}`]);
      expect(JSON.parse(refused.errors)).toMatchObject({ code: "unimplemented" });
    }
  },
  startMs,
);
