import type { Session } from "./session.ts";

/** All sessions of this process, by session and by user. Everything is synchronous. */
export interface Hub {
  add(session: Session): void;
  /** False: was not there. */
  remove(session: Session): boolean;
  find(sessionId: string): Session | undefined;
  /** Sessions of a user here, in order of connection. */
  ofUser(userKey: bigint): readonly Session[];
  /** In no order. Sessions may be closed while it runs, none be added. */
  all(): IterableIterator<Session>;
  readonly size: number;
  readonly users: number;
}

const none: readonly Session[] = [];

/** Two hash tables whose chains are links in the sessions themselves: two maps would cost 340 bytes a session, more than
 *  its own object, these 40. */
export function createHub(): Hub {
  const byId = createChains("idNext", (session) => hashOfId(session.id));
  const byUser = createChains("userNext", (session) => hashOfUser(session.userKey));
  let users = 0;

  function firstOf(userKey: bigint): Session | undefined {
    let session = byUser.head(hashOfUser(userKey));
    while (session !== undefined && session.userKey !== userKey) session = session.userNext;
    return session;
  }

  function* all(): Generator<Session> {
    for (let bucket = 0; bucket < byId.buckets; bucket += 1) {
      // The link of a session that was removed meanwhile still leads on.
      for (let session = byId.head(bucket); session !== undefined; session = session.idNext) yield session;
    }
  }

  return {
    add(session) {
      if (firstOf(session.userKey) === undefined) users += 1;
      byId.add(session);
      byUser.add(session);
    },
    remove(session) {
      if (!byId.remove(session)) return false;
      byUser.remove(session);
      if (firstOf(session.userKey) === undefined) users -= 1;
      return true;
    },
    find(sessionId) {
      let session = byId.head(hashOfId(sessionId));
      while (session !== undefined && session.id !== sessionId) session = session.idNext;
      return session;
    },
    ofUser(userKey) {
      let session = firstOf(userKey);
      if (session === undefined) return none;
      const found = [session];
      for (session = session.userNext; session !== undefined; session = session.userNext) {
        if (session.userKey === userKey) found.push(session);
      }
      return found;
    },
    all,
    get size() {
      return byId.size;
    },
    get users() {
      return users;
    },
  };
}

interface Chains {
  /** In order of arrival. */
  add(session: Session): void;
  remove(session: Session): boolean;
  head(hash: number): Session | undefined;
  readonly size: number;
  readonly buckets: number;
}

const bucketsMin = 64;

/** A table that doubles when it holds as many sessions as buckets; it never shrinks. */
function createChains(link: "idNext" | "userNext", hashOf: (session: Session) => number): Chains {
  let heads = emptyHeads(bucketsMin);
  let size = 0;

  function append(session: Session): void {
    const bucket = hashOf(session) & (heads.length - 1);
    let last = heads[bucket];
    if (last === undefined) heads[bucket] = session;
    else {
      for (let next = last[link]; next !== undefined; next = last[link]) last = next;
      last[link] = session;
    }
  }

  function grow(): void {
    const old = heads;
    heads = emptyHeads(old.length * 2);
    for (const head of old) {
      for (let session = head; session !== undefined; ) {
        const next: Session | undefined = session[link];
        session[link] = undefined;
        append(session);
        session = next;
      }
    }
  }

  return {
    add(session) {
      if (size >= heads.length) grow();
      append(session);
      size += 1;
    },
    remove(session) {
      const bucket = hashOf(session) & (heads.length - 1);
      let before: Session | undefined;
      let at = heads[bucket];
      while (at !== undefined && at !== session) {
        before = at;
        at = at[link];
      }
      if (at === undefined) return false;
      if (before === undefined) heads[bucket] = session[link];
      else before[link] = session[link];
      size -= 1;
      return true;
    },
    head: (hash) => heads[hash & (heads.length - 1)],
    get size() {
      return size;
    },
    get buckets() {
      return heads.length;
    },
  };
}

function emptyHeads(length: number): (Session | undefined)[] {
  return new Array<Session | undefined>(length).fill(undefined);
}

/** The end of a UUID v7 is random. */
function hashOfId(sessionId: string): number {
  let hash = 0;
  for (let at = Math.max(0, sessionId.length - 10); at < sessionId.length; at += 1) {
    hash = (Math.imul(hash, 31) + sessionId.charCodeAt(at)) | 0;
  }
  return hash;
}

/** A snowflake: time above, worker and sequence in the low 22 bits. */
function hashOfUser(userKey: bigint): number {
  return Number((userKey ^ (userKey >> 22n)) & 0x3fff_ffffn);
}
