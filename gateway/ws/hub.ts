import type { Session } from "./session.ts";

/** All sessions of this process, by session and by user. Everything is synchronous. */
export interface Hub {
  add(session: Session): void;
  /** False: was not there. */
  remove(session: Session): boolean;
  find(sessionId: string): Session | undefined;
  /** Sessions of a user here, in order of connection; the array must not be kept across turns. */
  ofUser(userKey: bigint): readonly Session[];
  /** In order of connection. Sessions may be closed while it runs. */
  all(): IterableIterator<Session>;
  readonly size: number;
  readonly users: number;
}

const none: readonly Session[] = [];

export function createHub(): Hub {
  const sessions = new Map<string, Session>();
  // Nearly every user has one session, and an array of one costs more than the session's own fields.
  const users = new Map<bigint, Session | Session[]>();

  function removeOfUser(session: Session): void {
    const held = users.get(session.userKey);
    if (held === session) {
      users.delete(session.userKey);
      return;
    }
    if (!Array.isArray(held)) return;
    const rest = held.filter((other) => other !== session);
    const [only] = rest;
    if (rest.length === 1 && only !== undefined) users.set(session.userKey, only);
    else users.set(session.userKey, rest);
  }

  return {
    add(session) {
      sessions.set(session.id, session);
      const held = users.get(session.userKey);
      if (held === undefined) users.set(session.userKey, session);
      else users.set(session.userKey, Array.isArray(held) ? [...held, session] : [held, session]);
    },
    remove(session) {
      if (!sessions.delete(session.id)) return false;
      removeOfUser(session);
      return true;
    },
    find: (sessionId) => sessions.get(sessionId),
    ofUser(userKey) {
      const held = users.get(userKey);
      if (held === undefined) return none;
      return Array.isArray(held) ? held : [held];
    },
    all: () => sessions.values(),
    get size() {
      return sessions.size;
    },
    get users() {
      return users.size;
    },
  };
}
