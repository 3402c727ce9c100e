import type { HttpRequest } from "./http.ts";
import type { RawFrame } from "./socket.ts";

/** Whether somebody has a page or app open, as far as this user may know: everybody but friends and members of a shared
 *  group is reported offline, and so is who blocked this user. */
export interface Presence {
  readonly online: boolean;
  /** Unix seconds; undefined when the server does not know it any more, or does not say. */
  readonly lastSeen: number | undefined;
}

export interface PresenceEvent extends Presence {
  readonly userId: string;
}

/** Who is online. Friends are kept current by pushes; others are as they were when they were asked for. */
export interface PresenceStore {
  /** Undefined: never asked. */
  of(userId: string): Presence | undefined;
  /** Asks for these, 100 per request; a guest knows of nobody. Rejects with ClientError. */
  refresh(userIds: readonly string[]): Promise<void>;
}

export interface PresenceDeps {
  readonly call: (request: HttpRequest) => Promise<unknown>;
  /** False while nobody or a guest is signed in. */
  readonly registered: () => boolean;
  readonly onChange: (event: PresenceEvent) => void;
}

export interface Status {
  readonly userId: string;
  readonly isOnline: boolean;
  readonly lastSeen?: number | undefined;
}

/** The store, and what feeds it. */
export interface PresenceSide extends PresenceStore {
  /** Call it before a question; what it returns takes the answer. What was pushed in between is newer and stays. */
  asking(): (statuses: readonly Status[]) => void;
  onFrame(frame: RawFrame): void;
  clear(): void;
}

const idsPerRequest = 100;
/** More people than that are not kept: who was heard of longest ago is forgotten. */
const knownMax = 10_000;

export function createPresence({ call, registered, onChange }: PresenceDeps): PresenceSide {
  const known = new Map<string, Presence>();
  let generation = 0;
  /** Pushes since the start. */
  let pushes = 0;
  const pushedAt = new Map<string, number>();

  const set = (userId: string, presence: Presence): void => {
    const before = known.get(userId);
    known.delete(userId);
    known.set(userId, presence);
    if (known.size > knownMax) {
      const [oldest = ""] = known.keys();
      known.delete(oldest);
      pushedAt.delete(oldest);
    }
    if (before?.online !== presence.online || before.lastSeen !== presence.lastSeen) onChange({ userId, ...presence });
  };
  const asking = (): ((statuses: readonly Status[]) => void) => {
    const [mine, asked] = [generation, pushes];
    return (statuses) => {
      if (mine !== generation) return;
      for (const { userId, isOnline, lastSeen } of statuses)
        if ((pushedAt.get(userId) ?? 0) <= asked) set(userId, { online: isOnline, lastSeen });
    };
  };
  const refresh = async (userIds: readonly string[]): Promise<void> => {
    const mine = generation;
    for (let from = 0; from < userIds.length && mine === generation && registered(); from += idsPerRequest) {
      const answered = asking();
      const query = { ids: userIds.slice(from, from + idsPerRequest).join(",") };
      const data = await call({ method: "GET", path: "/users/online", query });
      answered((data as { statuses?: readonly Status[] }).statuses ?? []);
    }
  };

  return {
    of: (userId) => known.get(userId),
    refresh,
    asking,
    onFrame: ({ type, data }) => {
      if (type !== "online-status" || typeof data !== "object" || data === null) return;
      const { userId, status, lastSeen } = data as Readonly<Record<string, unknown>>;
      if (typeof userId !== "string" || (status !== "online" && status !== "offline")) return;
      pushes += 1;
      pushedAt.set(userId, pushes);
      set(userId, { online: status === "online", lastSeen: typeof lastSeen === "number" ? lastSeen : undefined });
    },
    clear: () => {
      generation += 1;
      known.clear();
      pushedAt.clear();
    },
  };
}
