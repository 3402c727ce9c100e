import { readFileSync } from "node:fs";
import { Cluster, Redis } from "ioredis";
import type { Logger } from "../clog/clog.ts";
import { CacheUnavailableError } from "./cache.ts";
import { isUnknownScript, translate } from "./redis-errors.ts";
import type { Lua } from "./redis-scripts.ts";
import { slotOf, slotsTotal } from "./redis-slot.ts";
import { createWaits } from "./redis-waits.ts";

export interface RedisOptionsOf {
  readonly mode: "single" | "sentinel" | "cluster";
  /** `host:port`: the server, the sentinels, or some nodes of the cluster. */
  readonly nodes: readonly string[];
  readonly sentinelName: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly sentinelPassword: string | undefined;
  readonly tls: boolean;
  readonly tlsCaFile: string | undefined;
  readonly db: number;
  readonly timeout: number;
  readonly connectTimeout: number;
  readonly startWait: number;
}

/** The servers as one: commands of one turn leave together, in order (per node). Nothing waits for a connection: while there is none, calls reject at once. */
export interface RedisLink {
  readonly cluster: boolean;
  /** Rejects with the errors of cache.ts, or with the server's own when a script failed there. */
  call(command: string, ...args: string[]): Promise<unknown>;
  /** By its hash; with its text where the server does not know it yet. */
  run(lua: Lua, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** For every primary one key that it owns, beginning with `name`. */
  keyOfEachPrimary(name: string): readonly string[];
  close(): Promise<void>;
}

const backoffMaxMs = 2000;
/** 50, 100, 200 … 2000 ms, each with up to a quarter more, so that processes do not come back in step. */
const backoffMs = (attempt: number): number =>
  Math.min(backoffMaxMs, 50 * 2 ** Math.min(attempt - 1, 10)) * (1 + Math.random() / 4);

/** Resolves when the servers answer. Rejects with CacheUnavailableError after `startWait`, or when `signal` aborts. Later on it connects again by itself, for ever. */
export async function connectRedisLink(
  options: RedisOptionsOf,
  clog: Logger,
  signal?: AbortSignal,
): Promise<RedisLink> {
  const where = options.nodes.join(", ") + (options.mode === "single" ? "" : ` (${options.mode})`);
  const client = options.mode === "cluster" ? clusterOf(options) : singleOf(options);
  const closed = { byUs: false, lastError: "" };
  let ready = Promise.withResolvers<void>();
  let up = false;
  client.on("error", (err: Error) => {
    closed.lastError = err.message;
  });
  client.on("ready", () => {
    up = true;
    ready.resolve();
    clog.info("the cache is there", { where });
  });
  client.on("close", () => {
    if (!up) return;
    up = false;
    ready = Promise.withResolvers();
    if (!closed.byUs) clog.warn("the cache is away", { where, err: closed.lastError || "the connection was closed" });
  });
  const link = linkOf(client, options, where, () => {
    closed.byUs = true;
  });
  // Failures come as events, and the client tries again.
  client.connect().catch(() => {});
  const lateLine = setTimeout(() => {
    clog.warn(`waiting for Redis at ${where}, at most ${options.startWait / 1000} s`, { err: closed.lastError });
  }, 1000);
  try {
    await within(ready.promise, options.startWait, signal);
  } catch (cause) {
    await link.close();
    const reason = closed.lastError || (cause instanceof Error ? cause.message : String(cause));
    throw new CacheUnavailableError(`the cache at ${where} was not reached within ${options.startWait} ms: ${reason}`, {
      cause,
    });
  } finally {
    clearTimeout(lateLine);
  }
  return link;
}

function linkOf(client: Redis | Cluster, options: RedisOptionsOf, where: string, closing: () => void): RedisLink {
  // A server that is silent may be gone without a word: with a new connection calls fail at once until it answers. A node of a cluster has its own
  // bound (socketTimeout); the others go on.
  let silent = false;
  const waits = createWaits(options.timeout, () => {
    if (client instanceof Cluster || client.status !== "ready") return;
    silent = true;
    client.disconnect(true);
  });
  let known = new Set<string>();
  client.on("close", () => {
    known = new Set();
  });
  client.on("ready", () => {
    silent = false;
  });
  const call = async (command: string, ...args: string[]): Promise<unknown> => {
    if (silent || client.status !== "ready") throw new CacheUnavailableError(`the cache at ${where} is away`);
    try {
      return await waits.guard(client.call(command, ...args));
    } catch (error) {
      throw isUnknownScript(error) ? error : translate(error, where);
    }
  };
  const withText = async (lua: Lua, rest: string[]): Promise<unknown> => {
    const answer = await call("eval", lua.text, ...rest);
    known.add(lua.sha);
    return answer;
  };
  return {
    cluster: options.mode === "cluster",
    call,
    async run(lua, keys, args) {
      const rest = [String(keys.length), ...keys, ...args];
      // Not tried by its hash first: the calls that follow in this turn would overtake its second attempt.
      if (!known.has(lua.sha)) return withText(lua, rest);
      try {
        return await call("evalsha", lua.sha, ...rest);
      } catch (error) {
        if (!isUnknownScript(error)) throw error;
        return withText(lua, rest);
      }
    },
    keyOfEachPrimary: client instanceof Cluster ? primaryKeys(client) : (name) => [name],
    async close() {
      closing();
      waits.close();
      client.disconnect();
    },
  };
}

function singleOf(options: RedisOptionsOf): Redis {
  const common = { ...connectionOf(options), db: options.db, lazyConnect: true };
  if (options.mode === "sentinel") {
    return new Redis({
      ...common,
      sentinels: options.nodes.map(addressOf),
      name: options.sentinelName,
      role: "master" as const,
      sentinelRetryStrategy: backoffMs,
      ...(options.sentinelPassword !== undefined && { sentinelPassword: options.sentinelPassword }),
      ...(options.tls && { enableTLSForSentinelMode: true, sentinelTLS: tlsOf(options) }),
    });
  }
  return new Redis({ ...common, ...addressOf(options.nodes[0] ?? "localhost:6379") });
}

function clusterOf(options: RedisOptionsOf): Cluster {
  return new Cluster(options.nodes.map(addressOf), {
    redisOptions: { ...connectionOf(options), socketTimeout: options.timeout * 2 },
    lazyConnect: true,
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    scaleReads: "master",
    slotsRefreshTimeout: options.connectTimeout,
    slotsRefreshInterval: 10_000,
    clusterRetryStrategy: backoffMs,
    // Certificates are for names: none is resolved before.
    ...(options.tls && { dnsLookup: (name: string, done: (err: null, address: string) => void) => done(null, name) }),
  });
}

function connectionOf(options: RedisOptionsOf) {
  return {
    // Answers of one form, whatever the server's version.
    protocol: 2 as const,
    connectTimeout: options.connectTimeout,
    // Also for the handshake, which no call waits for.
    socketTimeout: Math.max(options.connectTimeout, options.timeout * 2),
    disconnectTimeout: 200,
    enableAutoPipelining: true,
    enableOfflineQueue: false,
    // What was asked may have been done: callers decide whether to ask again.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: backoffMaxMs,
    retryStrategy: backoffMs,
    // A primary that became a replica: the name may lead to another by now.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(options.username !== undefined && { username: options.username }),
    ...(options.password !== undefined && { password: options.password }),
    ...(options.tls && { tls: tlsOf(options) }),
  };
}

function tlsOf(options: RedisOptionsOf): { ca?: string } {
  return options.tlsCaFile === undefined ? {} : { ca: readFileSync(options.tlsCaFile, "utf8") };
}

function addressOf(node: string): { host: string; port: number } {
  const colon = node.lastIndexOf(":");
  return { host: node.slice(0, colon).replaceAll(/[[\]]/g, ""), port: Number(node.slice(colon + 1)) };
}

/** Found by trying, once per layout of the cluster. */
function primaryKeys(client: Cluster): (name: string) => readonly string[] {
  let keys: readonly string[] | undefined;
  client.on("refresh", () => {
    keys = undefined;
  });
  return (name) => {
    keys ??= findPrimaryKeys(client.slots, name);
    return keys;
  };
}

/** `slots`: per slot its nodes, the primary first. */
function findPrimaryKeys(slots: readonly (readonly string[] | undefined)[], name: string): string[] {
  const missing = new Set(slots.map((nodes) => nodes?.[0]).filter((node) => node !== undefined));
  const found: string[] = [];
  for (let number = 0; missing.size > 0 && number < 16 * slotsTotal; number += 1) {
    const key = `${name}:${number}`;
    const node = slots[slotOf(key)]?.[0];
    if (node !== undefined && missing.delete(node)) found.push(key);
  }
  return found;
}

async function within(promise: Promise<void>, ms: number, signal: AbortSignal | undefined): Promise<void> {
  const end = AbortSignal.any([AbortSignal.timeout(ms), ...(signal === undefined ? [] : [signal])]);
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const stop = (): void => reject(end.reason);
  end.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([promise, ended]);
  } finally {
    end.removeEventListener("abort", stop);
  }
}
