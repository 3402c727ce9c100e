import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UsageError } from "../command-line.ts";
import { envText } from "./env-file.ts";
import { brokersOf, kafkaProperties } from "./kafka.ts";
import { withLock } from "./lock.ts";
import { parseInfra } from "./main.ts";
import { debianMirror } from "./mysql.ts";
import { packagesToInstall, pomOf } from "./packages.ts";
import { freePort, portsToTry } from "./ports.ts";
import { createProcesses, lastLines, parseStat, portAnswers, processIdentity } from "./processes.ts";
import { fetchesToolchains } from "./s3.ts";
import { type ServerName, serverNames } from "./server.ts";
import { readInfraSettings } from "./settings.ts";
import { ageOf, formatTable } from "./status.ts";

const dir = mkdtempSync(join(tmpdir(), "gochat-infra-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("settings", () => {
  test("without variables every server is selected and each has a port of its own", () => {
    const settings = readInfraSettings("/project", {}, undefined);
    expect(settings.only).toEqual(serverNames);
    expect(new Set(serverNames.map((name) => settings.ports[name].number)).size).toBe(serverNames.length);
    expect(settings.runDir).toBe("/project/.run");
    expect(settings.kafka).toBe("4.1");
  });

  test("ONLY selects, a port that was asked for is fixed, an empty variable counts as missing", () => {
    const env = {
      ONLY: "kafka, redis",
      REDIS_PORT: "7000",
      KAFKA_PORT: "",
      KAFKA_VERSION: "3.9",
      INFRA_DIR: "/elsewhere",
    };
    const settings = readInfraSettings("/project", env, "");
    expect(settings.only).toEqual(serverNames);
    const selected = readInfraSettings("/project", env, undefined);
    expect(selected.only).toEqual(["redis", "kafka"]);
    expect(selected.ports.redis).toEqual({ number: 7000, fixed: true });
    expect(selected.ports.kafka.fixed).toBe(false);
    expect([selected.kafka, selected.runDir]).toEqual(["3.9", "/elsewhere"]);
  });

  test("relative folders start at the project; programs are kept with the rest unless said otherwise", () => {
    const settings = readInfraSettings("/project", { INFRA_DIR: "second", INFRA_PROGRAMS: ".run" }, undefined);
    expect([settings.runDir, settings.programsDir]).toEqual(["/project/second", "/project/.run"]);
    expect(readInfraSettings("/project", { INFRA_DIR: "/two" }, undefined).programsDir).toBe("/two");
  });

  test("all faults are reported at once", () => {
    const env = { REDIS_PORT: "70000", MYSQL_PORT: "x", KAFKA_VERSION: "2", INFRA_ENGINE: "vm" };
    const read = () => readInfraSettings("/project", env, "oracle");
    expect(read).toThrow(UsageError);
    for (const word of ["REDIS_PORT", "MYSQL_PORT", "KAFKA_VERSION", "INFRA_ENGINE", "oracle"])
      expect(read).toThrow(word);
  });

  test("the command line takes an action and --only", () => {
    expect(parseInfra(["up", "--only", "redis"])).toEqual({ action: "up", only: "redis" });
    expect(parseInfra(["down", "--only=s3"])).toEqual({ action: "down", only: "s3" });
    expect(parseInfra(["status"])).toEqual({ action: "status", only: undefined });
    for (const wrong of [[], ["restart"], ["up", "--all"], ["up", "--only"], ["up", "--only", "s3", "x"]])
      expect(() => parseInfra(wrong)).toThrow(UsageError);
  });
});

describe("ports", () => {
  test("a wanted port that is used gives way to one 100 above, a fixed one to nothing", async () => {
    const used = (port: number) => Promise.resolve(port === 5001);
    expect(await freePort({ number: 5000, fixed: false }, 2, new Set(), used)).toBe(5100);
    expect(await freePort({ number: 5000, fixed: true }, 2, new Set(), used)).toBeUndefined();
    expect(await freePort({ number: 5000, fixed: true }, 1, new Set(), used)).toBe(5000);
  });

  test("two servers that start together never get the same port", async () => {
    const taken = new Set<number>();
    const free = () => Promise.resolve(false);
    const wanted = { number: 5000, fixed: false };
    const ports = await Promise.all([freePort(wanted, 2, taken, free), freePort(wanted, 1, taken, free)]);
    expect(ports).toEqual([5000, 5100]);
    expect(portsToTry(wanted)).toHaveLength(30);
  });

  test("a port answers while something listens", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    expect(await portAnswers(port)).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    expect(await portAnswers(port)).toBe(false);
  });
});

describe("processes", () => {
  const about = (name: ServerName) => ({ port: 1, logFile: join(dir, `${name}.log`), variant: "" });

  test("a started process is known by number and start time, and stops on request", async () => {
    const processes = createProcesses(join(dir, "pid-1"));
    const record = processes.start("redis", { command: ["sleep", "60"] }, about("redis"));
    expect(processes.running("redis")).toEqual(record);
    expect(await processes.stop("redis")).toBe(true);
    expect(processIdentity(record.pid)).not.toBe(record.identity);
    expect(await processes.stop("redis")).toBe(false);
  });

  test("down stops only what it started: a process with the recorded number but another start time is left alone", async () => {
    const pidDir = join(dir, "pid-2");
    const stranger = Bun.spawn(["sleep", "60"]);
    const processes = createProcesses(pidDir);
    const identity = "another-boot:1";
    const record = { pid: stranger.pid, identity, port: 1, startedAtMs: 0, stopSignal: "SIGTERM", variant: "" };
    await Bun.write(join(pidDir, "redis.json"), JSON.stringify(record));
    expect(processes.running("redis")).toBeUndefined();
    expect(await processes.stop("redis")).toBe(false);
    expect(stranger.killed || stranger.exitCode !== null).toBe(false);
    expect(processIdentity(stranger.pid)).toBeDefined();
    stranger.kill();
    await stranger.exited;
  });

  test("a program that cannot be run leaves its reason in the log and no running process", async () => {
    const processes = createProcesses(join(dir, "pid-3"));
    processes.start("etcd", { command: ["/nowhere/etcd"] }, about("etcd"));
    expect(processes.running("etcd")).toBeUndefined();
    const until = Date.now() + 5000;
    while (lastLines(join(dir, "etcd.log"), 1) === "" && Date.now() < until) await Bun.sleep(5);
    expect(lastLines(join(dir, "etcd.log"), 1)).toContain("/nowhere/etcd");
  });

  test("a process's name may hold spaces and parentheses; one that has ended is none", () => {
    const rest = Array.from({ length: 30 }, (_, index) => String(index + 4)).join(" ");
    expect(parseStat(`12 (a) b (c)) S ${rest}`, "boot")).toBe("boot:22");
    expect(parseStat(`12 (sh) Z ${rest}`, "boot")).toBeUndefined();
  });

  test("the last lines of a log leave out empty ones", async () => {
    const file = join(dir, "some.log");
    await Bun.write(file, "one\n\ntwo\nthree\n\n");
    expect(lastLines(file, 2)).toBe("two\nthree");
    expect(lastLines(join(dir, "missing.log"), 2)).toBe("");
  });
});

describe("lock", () => {
  test("bodies run one after the other", async () => {
    const file = join(dir, "lock");
    const seen: string[] = [];
    const body = (name: string) => async () => {
      seen.push(`${name} begins`);
      await Bun.sleep(10);
      seen.push(`${name} ends`);
    };
    await Promise.all([withLock(file, body("a")), withLock(file, body("b"))]);
    expect(seen.filter((line) => line.startsWith("a"))).toEqual(["a begins", "a ends"]);
    expect(Math.abs(seen.indexOf("a begins") - seen.indexOf("a ends"))).toBe(1);
  });

  test("the lock of a process that has ended is void", async () => {
    const file = join(dir, "stale-lock");
    await Bun.write(file, "1 another-boot:1");
    expect(await withLock(file, () => Promise.resolve(7))).toBe(7);
  });
});

describe("texts", () => {
  test("the variables are lines that a shell can source; MariaDB stands in for a missing MySQL", () => {
    expect(envText({ A: "1", B: "2" })).toBe("A=1\nB=2\n");
    expect(envText({ GOCHAT_TEST_MARIADB: "mysql://m" })).toContain("\nGOCHAT_TEST_MYSQL=mysql://m\n");
    const both = envText({ GOCHAT_TEST_MARIADB: "mysql://a", GOCHAT_TEST_MYSQL: "mysql://b" });
    expect(both.match(/GOCHAT_TEST_MYSQL/g)).toHaveLength(1);
  });

  test("a table's columns are as wide as their widest cell", () => {
    expect(
      formatTable([
        ["a", "b"],
        ["long", ""],
        ["x", "y"],
      ]),
    ).toBe("a     b\nlong\nx     y");
    expect([0, 119_000, 120_000, 7_200_000, 172_800_000].map(ageOf)).toEqual(["0 s", "119 s", "2 min", "2 h", "2 d"]);
  });

  test("the simulation of apt-get names the packages to fetch", () => {
    const text =
      "Reading...\nInst libjemalloc2 (5.3.0-1 Debian:12 [amd64])\nInst redis-server (5:7.0)\nConf redis-server\n";
    expect(packagesToInstall(text)).toEqual(["libjemalloc2", "redis-server"]);
  });

  test("debootstrap gets the mirror that apt uses for Debian itself", () => {
    expect(debianMirror("http://mirror/debian-security/\nhttp://mirror/debian/\n")).toBe("http://mirror/debian/");
    expect(debianMirror("http://mirror/ubuntu/\n")).toBeUndefined();
  });

  test("Maven is told group, artifact and version", () => {
    expect(pomOf(["g:a:1"])).toContain("<groupId>g</groupId><artifactId>a</artifactId><version>1</version>");
  });

  test("Go fetches the version that a module asks for from 1.21 on", () => {
    expect(fetchesToolchains("go version go1.19.8 linux/amd64")).toBe(false);
    expect(fetchesToolchains("go version go1.26.8 linux/amd64")).toBe(true);
  });

  test("Kafka's clients are told the port that they can reach, its controller has the next one", () => {
    const text = kafkaProperties({ host: "127.0.0.1", port: 9092, data: "/d" });
    expect(text).toContain("advertised.listeners=PLAINTEXT://127.0.0.1:9092\n");
    expect(text).toContain("controller.quorum.voters=1@127.0.0.1:9093\n");
  });

  test("the answer to Kafka's metadata request counts brokers; another program's answer is refused", () => {
    expect(brokersOf(Uint8Array.from([0, 0, 0, 30, 0, 0, 0, 7, 0, 0, 0, 1]))).toBe(1);
    expect(() => brokersOf(new TextEncoder().encode("HTTP/1.1 400"))).toThrow("does not speak");
  });
});
