import { EtcdError, type EtcdHttp, type Reply, recordOf } from "./etcd-http.ts";

/** A key of etcd. */
export interface KeyValue {
  readonly key: string;
  /** Empty when it is no UTF-8. */
  readonly value: string;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
  /** "0": none. */
  readonly lease: string;
}

/** A key, or all keys that begin with it. */
export interface Range {
  readonly key: string;
  readonly prefix: boolean;
}

/** `absent`: no key of the range exists. */
export type Condition =
  | { readonly absent: Range }
  | { readonly key: string; readonly modRevision: bigint }
  | { readonly key: string; readonly lease: string };

/** The calls that coordination needs. They reject with CoordUnavailableError, or EtcdError. */
export interface EtcdKv {
  readonly http: EtcdHttp;
  /** Linearizable; ordered by key. */
  list(range: Range): Promise<{ all: KeyValue[]; revision: bigint }>;
  /** The latest change and the number of keys of a range: whether a copy of it is up to date. */
  mark(range: Range): Promise<{ count: number; modRevision: bigint }>;
  /** Answers the revision. */
  put(key: string, value: string, lease?: string): Promise<bigint>;
  /** Writes if `condition` holds; the revision, or undefined when it did not. */
  putIf(condition: Condition, key: string, value: string, lease?: string): Promise<bigint | undefined>;
  /** Puts, and deletes where there is no value, in one transaction. */
  changeAll(changes: readonly { readonly key: string; readonly value: string | undefined }[]): Promise<void>;
  /** True when there was one. */
  delete(key: string): Promise<boolean>;
  grant(ttlMs: number): Promise<{ lease: string; ttlMs: number }>;
  /** The time to live anew, in ms; 0 when the lease is gone. */
  keepAlive(lease: string): Promise<number>;
  /** Deletes what is bound to it. */
  revoke(lease: string): Promise<void>;
}

const notFound = 5;

export function createEtcdKv(http: EtcdHttp): EtcdKv {
  const range = (of: Range, more: object = {}): Promise<Reply> =>
    http.call("/v3/kv/range", { ...rangeOf(of), ...more }, { repeatable: true });
  return {
    http,
    async list(of) {
      const reply = await range(of);
      return { all: keyValuesOf(reply.kvs), revision: revisionOf(reply) };
    },
    async mark(of) {
      const reply = await range(of, { limit: "1", sort_order: "DESCEND", sort_target: "MOD", keys_only: true });
      const [latest] = keyValuesOf(reply.kvs);
      return { count: Number(reply.count ?? 0), modRevision: latest?.modRevision ?? 0n };
    },
    async put(key, value, lease = "0") {
      return revisionOf(await http.call("/v3/kv/put", { key: encode(key), value: encode(value), lease }));
    },
    async putIf(condition, key, value, lease = "0") {
      const request_put = { key: encode(key), value: encode(value), lease };
      const reply = await http.call("/v3/kv/txn", { compare: [compareOf(condition)], success: [{ request_put }] });
      return reply.succeeded === true ? revisionOf(reply) : undefined;
    },
    async changeAll(changes) {
      const success = changes.map(({ key, value }) =>
        value === undefined
          ? { request_delete_range: { key: encode(key) } }
          : { request_put: { key: encode(key), value: encode(value) } },
      );
      await http.call("/v3/kv/txn", { success });
    },
    async delete(key) {
      const reply = await http.call("/v3/kv/deleterange", { key: encode(key) });
      return Number(reply.deleted ?? 0) > 0;
    },
    async grant(ttlMs) {
      const reply = await http.call("/v3/lease/grant", { TTL: String(Math.max(1, Math.ceil(ttlMs / 1000))) });
      return { lease: String(reply.ID), ttlMs: Number(reply.TTL ?? 0) * 1000 };
    },
    async keepAlive(lease) {
      const reply = await http.call("/v3/lease/keepalive", { ID: lease }, { repeatable: true });
      if (reply.error !== undefined) throw new EtcdError(String(recordOf(reply.error).message), 14);
      return Number(recordOf(reply.result).TTL ?? 0) * 1000;
    },
    async revoke(lease) {
      try {
        await http.call("/v3/lease/revoke", { ID: lease }, { repeatable: true });
      } catch (error) {
        if (!(error instanceof EtcdError && error.code === notFound)) throw error;
      }
    },
  };
}

export function rangeOf({ key, prefix }: Range): { key: string; range_end?: string } {
  // etcd knows no empty key: "\0" is the first one, and as an end means "all that follow".
  if (prefix && key === "") return { key: encode("\0"), range_end: encode("\0") };
  return { key: encode(key), ...(prefix && { range_end: Buffer.from(afterPrefix(key)).toString("base64") }) };
}

/** The first key after all that begin with `key`. */
function afterPrefix(key: string): Uint8Array {
  const bytes = Buffer.from(key);
  for (let at = bytes.length - 1; at >= 0; at -= 1) {
    const byte = bytes[at] ?? 0;
    if (byte === 0xff) continue;
    bytes[at] = byte + 1;
    return bytes.subarray(0, at + 1);
  }
  return Uint8Array.of(0);
}

export function keyValuesOf(kvs: unknown): KeyValue[] {
  return Array.isArray(kvs) ? kvs.map((one) => keyValueOf(recordOf(one))) : [];
}

export function keyValueOf(kv: Reply): KeyValue {
  return {
    key: decode(kv.key),
    value: decode(kv.value),
    createRevision: BigInt(String(kv.create_revision ?? 0)),
    modRevision: BigInt(String(kv.mod_revision ?? 0)),
    lease: String(kv.lease ?? 0),
  };
}

export function revisionOf(reply: Reply): bigint {
  return BigInt(String(recordOf(reply.header).revision ?? 0));
}

function compareOf(condition: Condition): object {
  if ("absent" in condition)
    return { ...rangeOf(condition.absent), target: "CREATE", result: "EQUAL", create_revision: "0" };
  const key = encode(condition.key);
  return "lease" in condition
    ? { key, target: "LEASE", result: "EQUAL", lease: condition.lease }
    : { key, target: "MOD", result: "EQUAL", mod_revision: String(condition.modRevision) };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encode = (text: string): string => Buffer.from(text).toString("base64");

function decode(base64: unknown): string {
  try {
    return utf8.decode(Buffer.from(String(base64 ?? ""), "base64"));
  } catch {
    return "";
  }
}
