import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { S3Client } from "bun";
import { type Packages, type Program, runStep } from "./packages.ts";
import { account, type Place, type Server } from "./server.ts";

const release = "v1.8.0";
/** Go fetches this one by itself from version 1.21 on; an older Go is told to. */
const toolchain = "go1.26.0";
export const bucket = "gochat-test";

/** versitygw over a folder: an S3 server with one account and one bucket. */
export function createS3(packages: Packages): Server {
  const binary = ({ programs }: Place) => join(programs, release, "versitygw");
  return {
    name: "s3",
    portCount: 1,
    readyMs: 20_000,
    async install(place) {
      if (existsSync(binary(place))) return;
      const go = await packages.program(["go"], "golang-go", place);
      place.say(`building versitygw ${release} by Go (a few minutes the first time)`);
      const target = join(place.programs, release);
      const env = { ...go.env, GOBIN: target, GOTOOLCHAIN: "auto", GOFLAGS: "-p=2" };
      const compiler = await recentGo(go, place);
      await runStep([compiler, "install", `github.com/versity/versitygw/cmd/versitygw@${release}`], place, { env });
    },
    async start(place) {
      const [objects, metadata] = [join(place.data, "objects"), join(place.data, "metadata")];
      // A folder at the top is a bucket.
      mkdirSync(join(objects, bucket), { recursive: true });
      mkdirSync(metadata, { recursive: true });
      const options = [
        "--port",
        `${place.host}:${place.port}`,
        "--access",
        account.user,
        "--secret",
        account.password,
        "--quiet",
      ];
      // Metadata in files of its own: not every file system has extended attributes.
      return { command: [binary(place), ...options, "posix", "--sidecar", metadata, objects] };
    },
    async check({ host, port }) {
      const client = new S3Client({
        endpoint: `http://${host}:${port}`,
        bucket,
        region: "us-east-1",
        accessKeyId: account.user,
        secretAccessKey: account.password,
      });
      await client.list({ maxKeys: 1 });
    },
    variables: (port) => ({ GOCHAT_TEST_S3: `http://${account.user}:${account.password}@127.0.0.1:${port}/${bucket}` }),
  };
}

/** A Go that can build the server: this one, or for one before 1.21 the toolchain that a later Go would have fetched itself. */
async function recentGo(go: Program, place: Place): Promise<string> {
  const version = await runStep([go.path, "version"], place, { env: go.env });
  if (fetchesToolchains(version)) return go.path;
  const { arch } = process;
  const name = `golang.org/toolchain@v0.0.1-${toolchain}.linux-${arch === "x64" ? "amd64" : arch}`;
  place.say(`fetching ${toolchain}`);
  await runStep([go.path, "mod", "download", name], place, { env: go.env, cwd: place.programs });
  const cache = (await runStep([go.path, "env", "GOMODCACHE"], place, { env: go.env })).trim();
  const root = join(cache, name);
  // Module archives know no executable files.
  await runStep(["chmod", "-R", "u+w", root], place);
  for (const dir of [join(root, "bin"), join(root, "pkg/tool")]) await runStep(["chmod", "-R", "+x", dir], place);
  chmodSync(join(root, "bin/go"), 0o755);
  return join(root, "bin/go");
}

/** "go version go1.21.3 linux/amd64" → true: from 1.21 on Go fetches the version that a module asks for. */
export function fetchesToolchains(versionText: string): boolean {
  const [, major = "0", minor = "0"] = /go(\d+)\.(\d+)/.exec(versionText) ?? [];
  return Number(major) > 1 || Number(minor) >= 21;
}
