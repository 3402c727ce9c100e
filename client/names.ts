import type { UserJson as User, UserInfoJson as UserInfo } from "#proto/objects.ts";
import type { HttpRequest } from "./http.ts";

/** What others are called. Rows and lists that pass by are remembered; the rest can be asked for. */
export interface Names {
  /** Undefined when nothing that passed by named this user. */
  get(userId: string): UserInfo | undefined;
  /** Asks for those who are not known, each once; `onChange` tells when they are. Never rejects. */
  ask(userIds: readonly string[]): void;
}

export interface NamesStore extends Names {
  learn(user: UserInfo): void;
  clear(): void;
}

export interface NamesDeps {
  readonly call: (request: HttpRequest) => Promise<unknown>;
  /** Names that were asked for are here. */
  readonly onChange: () => void;
}

/** The oldest are forgotten. */
const namesMax = 5_000;
const askedMax = 1_000;
const inFlightMax = 4;

export function createNames({ call, onChange }: NamesDeps): NamesStore {
  const known = new Map<string, UserInfo>();
  const asked = new Set<string>();
  const waiting: string[] = [];
  let inFlight = 0;
  let generation = 0;

  const learn = (user: UserInfo): void => {
    if (user.username === "" || known.get(user.id)?.username === user.username) return;
    known.delete(user.id);
    known.set(user.id, user);
    const [oldest] = known.keys();
    if (known.size > namesMax && oldest !== undefined) known.delete(oldest);
  };
  const next = (): void => {
    while (inFlight < inFlightMax) {
      const userId = waiting.shift();
      if (userId === undefined) return;
      const mine = generation;
      inFlight++;
      call({ method: "GET", path: `/users/${encodeURIComponent(userId)}` })
        .then(
          (user) => {
            if (mine !== generation) return;
            learn(user as User);
            onChange();
          },
          () => undefined, // Nobody has this id any more, or the server is away: it stays without a name.
        )
        .finally(() => {
          inFlight--;
          next();
        });
    }
  };
  return {
    get: (userId) => known.get(userId),
    ask: (userIds) => {
      for (const userId of userIds) {
        if (known.has(userId) || asked.has(userId) || asked.size >= askedMax) continue;
        asked.add(userId);
        waiting.push(userId);
      }
      next();
    },
    learn,
    clear: () => {
      generation++;
      known.clear();
      asked.clear();
      waiting.length = 0;
    },
  };
}
