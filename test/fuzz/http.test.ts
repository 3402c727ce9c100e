import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { startServer } from "../../bench/server-process.ts";
import type { Json } from "../../proto/schemas/json-schema.ts";
import { createApi, newAccount } from "../support/api.ts";
import { fuzzDocument } from "./document.ts";
import { findSchemathesis } from "./schemathesis.ts";

const seed = 20_260_101;
/** Of the two runs, in seconds. */
const bounds = { signedIn: 40, leaving: 8 };
const checks = [
  ...["not_a_server_error", "status_code_conformance", "content_type_conformance"],
  ...["response_headers_conformance", "response_schema_conformance"],
].join(",");
/** They end the session of whoever asks: Schemathesis asks for ids that answers told it. */
const ending = ["logout", "endSession"];

async function fuzz(
  program: string,
  file: string,
  url: string,
  seconds: number,
  more: readonly string[],
): Promise<void> {
  const limits = ["--seed", String(seed), "--max-examples", "25", "--max-time", String(seconds)];
  const quiet = ["--no-color", "--generation-database", "none"];
  const command = [program, "run", file, "--url", url, "--checks", checks, "--phases", "examples,coverage,fuzzing"];
  const child = Bun.spawn([...command, ...limits, ...quiet, ...more], {
    cwd: dirname(file),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (code !== 0) console.error(output.slice(-20_000), errors.slice(-5000));
  expect(code).toBe(0);
}

test(`what the document does not say happens nowhere: no 5xx, status, type, header or schema of its own (seed ${seed})`, async () => {
  const program = await findSchemathesis();
  const folder = await mkdtemp(join(tmpdir(), "gochat-fuzz-"));
  try {
    await using server = await startServer({ settings: { "ratelimit.enabled": "false" } });
    const api = createApi(server.url);
    const [ann, bob] = [await newAccount(api), await newAccount(api)];
    const begin = async (body: object): Promise<string> =>
      (await api.call<{ id: string }>("POST", "/conversations", body, ann.accessToken)).data.id;
    const conversations = [
      "world",
      await begin({ type: 1, members: [bob.userId] }),
      await begin({ type: 2, name: "we", members: [bob.userId] }),
    ];
    const document = (await (await fetch(`${server.url}/api/openapi.json`)).json()) as Json;
    const file = join(folder, "openapi.json");
    await Bun.write(file, JSON.stringify(fuzzDocument(document, { users: [ann.userId, bob.userId], conversations })));
    const bearer = ["--header", `Authorization:Bearer ${ann.accessToken}`];
    await fuzz(program, file, server.url, bounds.signedIn, [
      ...bearer,
      ...ending.flatMap((id) => ["--exclude-operation-id", id]),
    ]);
    // Whoever asked was signed in to the end.
    expect((await api.call("GET", "/users/profile", undefined, ann.accessToken)).code).toBeUndefined();
    const leaving = ["--header", `Authorization:Bearer ${bob.accessToken}`];
    await fuzz(program, file, server.url, bounds.leaving, [
      ...leaving,
      ...ending.flatMap((id) => ["--include-operation-id", id]),
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
