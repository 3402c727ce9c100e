import { closeSync, mkdirSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL, type Subprocess } from "bun";
import { gochatCommand } from "../../bench/server-process.ts";
import { lastLines } from "../../cli/infra/processes.ts";
import { type Addresses, inDatabase, type Planned, type Ports, plan } from "../../cli/up/plan.ts";
import { freePorts, type Inside, offlineDelay } from "./target.ts";

/** One process of the cluster. */
export interface Member {
  readonly name: string;
  readonly adminUrl: string;
  readonly running: boolean;
  /** Starts it, with the data folder and ports it had before; resolves when it says that it is ready. */
  start(): Promise<void>;
  /** Ends it at once, as a crash would; resolves when it is gone. */
  kill(): Promise<void>;
  /** Stands still (SIGSTOP) until `resume`. */
  pause(): void;
  resume(): void;
  /** Asks it to stop; answers its exit code. */
  stop(): Promise<number>;
  /** The end of its log. */
  log(lines?: number): string;
}

/** Repo, logic, task and gateways as processes on real servers, with a database and prefixes of their own. Disposing stops them. */
export interface Cluster extends AsyncDisposable {
  /** Addresses of the gateways. */
  readonly urls: readonly string[];
  readonly members: readonly Member[];
  /** Where it keeps its keys in etcd. */
  readonly coordPrefix: string;
  /** RPC of logic, of repo and of the first gateway, and the token that services show there. */
  readonly rpc: Pick<Inside, "logicUrl" | "repoUrl" | "pusherUrl" | "serviceToken">;
  member(name: string): Member;
}

export interface ClusterOptions {
  readonly gateways?: number;
  readonly logics?: number;
  readonly db?: "mysql" | "mariadb" | "postgres";
  /** Keys of the configuration for all processes. */
  readonly settings?: Readonly<Record<string, string>>;
}

const readyMs = 60_000;
const lookMs = 50;

/** Makes the quick answers that a test wants of what takes its time in an installation. */
const quick: Readonly<Record<string, string>> = {
  "ratelimit.enabled": "false",
  "presence.offline_delay": offlineDelay,
  "ws.drain": "500ms",
  "ws.resync_spread": "500ms",
  "mq.kafka.session_timeout": "6s",
  "mq.kafka.heartbeat": "500ms",
};

export async function startCluster(addresses: Addresses, options: ClusterOptions = {}): Promise<Cluster> {
  const { gateways = 2, logics = 1, db = "mysql" } = options;
  await using stack = new AsyncDisposableStack();
  const runDir = await mkdtemp(join(tmpdir(), "gochat-cluster-"));
  stack.defer(() => rm(runDir, { recursive: true, force: true }));
  const name = `gochat_test_${crypto.randomUUID().slice(0, 8)}`;
  const dsn = addresses[`GOCHAT_TEST_${db.toUpperCase()}`] ?? "";
  await statement(dsn, `CREATE DATABASE ${name}`);
  stack.defer(() => statement(dsn, `DROP DATABASE ${name}`));
  const settings = { "coord.prefix": `/${name}`, "cache.prefix": `${name}:`, ...quick, ...options.settings };
  const set = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
  const ports = portsOf(await freePorts(48));
  const serviceToken = crypto.randomUUID();
  const planned = plan({ runDir, gateways, logics, db, database: name, ports, set }, addresses, serviceToken);
  const members = planned.map((one) => createMember(one, join(runDir, "log", `${one.name}.log`)));
  // Gateways first, repo last, as at `make down`. What was left paused or killed is no obstacle.
  stack.defer(async () => {
    for (const member of members) member.resume();
    for (const member of members.toReversed()) await member.stop();
  });
  for (const member of members) await member.start();
  const opened = stack.move();
  return {
    urls: planned.flatMap(({ url }) => (url === undefined ? [] : [url.replace("//localhost", "//127.0.0.1")])),
    members,
    coordPrefix: `/${name}`,
    rpc: {
      logicUrl: `http://127.0.0.1:${ports.service("logic")}`,
      repoUrl: `http://127.0.0.1:${ports.service("repo")}`,
      pusherUrl: `http://127.0.0.1:${ports.inside("gateway-1")}`,
      serviceToken,
    },
    member(wanted) {
      const member = members.find((one) => one.name === wanted);
      if (member === undefined) throw new Error(`there is no ${wanted}`);
      return member;
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function createMember(planned: Planned, logFile: string): Member {
  const adminUrl = `http://127.0.0.1:${planned.adminPort}`;
  let child: Subprocess | undefined;
  const log = (lines = 25): string => lastLines(logFile, lines);
  const end = async (signal: NodeJS.Signals): Promise<number> => {
    if (child === undefined) return 0;
    child.kill(signal);
    const code = await child.exited;
    child = undefined;
    return code;
  };
  return {
    name: planned.name,
    adminUrl,
    get running() {
      return child !== undefined && child.exitCode === null && child.signalCode === null;
    },
    async start() {
      child = spawn(planned, logFile);
      const deadline = Date.now() + readyMs;
      while (!(await isReady(adminUrl))) {
        if (child.exitCode !== null || Date.now() > deadline)
          throw new Error(`${planned.name} did not become ready (exit code ${child.exitCode}):\n${log()}`);
        await Bun.sleep(lookMs);
      }
    },
    kill: async () => void (await end("SIGKILL")),
    pause: () => child?.kill("SIGSTOP"),
    resume: () => child?.kill("SIGCONT"),
    stop: () => end("SIGTERM"),
    log,
  };
}

function spawn(planned: Planned, logFile: string): Subprocess {
  mkdirSync(join(logFile, ".."), { recursive: true });
  const file = openSync(logFile, "a");
  try {
    return Bun.spawn([...gochatCommand(), ...planned.args], {
      // APP_ENV and the rest of the plan win over what the test command was told.
      env: { ...inherited(), LOG_LEVEL: "info", ...planned.env, PORT: "" },
      stdio: ["ignore", file, file],
    });
  } finally {
    closeSync(file);
  }
}

/** The environment without what only tests read. */
function inherited(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GOCHAT_TEST_")));
}

function isReady(adminUrl: string): Promise<boolean> {
  return fetch(`${adminUrl}/readyz`, { signal: AbortSignal.timeout(1000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** Runs one statement as the account of tests, on the database of tests. */
async function statement(dsn: string, text: string): Promise<void> {
  const sql = new SQL(inDatabase(dsn, "gochat_test"), { max: 1, connectionTimeout: 5, allowPublicKeyRetrieval: true });
  try {
    await sql.unsafe(text);
  } finally {
    await sql.close({ timeout: 1 });
  }
}

/** The same port for the same name. */
function portsOf(free: readonly number[]): Ports {
  const given = new Map<string, number>();
  const give = (key: string): number => {
    const port = given.get(key) ?? free[given.size];
    if (port === undefined) throw new Error("a cluster has at most 16 processes");
    given.set(key, port);
    return port;
  };
  return {
    service: (name) => give(name),
    inside: (name) => give(`${name} inside`),
    admin: (name) => give(`${name} admin`),
  };
}
