import type { ErrorName } from "../../../../proto/errors.ts";
import { type Account, type Answer, newAccount, newGuest } from "../../../support/api.ts";
import { openTown, type Town } from "../gateway-fixture.ts";

/** Members of a new group, its creator included, in the town of these cases. */
export const groupMembersMax = 4;
/** A message with it is refused. */
export const badWord = "heliotrope";

/** Who is asked about the errors of the endpoints. Ann owns every group that is made, Ben is in it, Eve is in none. */
export interface Scene extends AsyncDisposable {
  readonly town: Town;
  readonly ann: Account;
  readonly ben: Account;
  readonly eve: Account;
  readonly guest: Account;
  /** Sets `single.require_friend`. */
  onlyFriends(on: boolean): void;
}

/** A conversation of Ann and Ben with one message of Ann's. */
export interface Place {
  readonly id: string;
  readonly message: string;
}

/** A request that would be granted to Ann in a group of hers; under `key` where it is a change. */
export type Ask = (scene: Scene, by: Account, place: Place, key?: string) => Promise<Answer<unknown>>;
/** Brings about one error of one endpoint. */
export type Case = (scene: Scene) => Promise<Answer<unknown>>;

export interface Row {
  /** For the codes of `usual`. */
  readonly ask?: Ask;
  /** Of this endpoint alone, or in another way than `usual`. */
  readonly cases?: Readonly<Partial<Record<ErrorName, Case>>>;
}
export type Rows = Readonly<Record<string, Row>>;

export async function openScene(): Promise<Scene> {
  const single = { requireFriend: false };
  const town = await openTown(undefined, undefined, {
    logic: (config) => ({
      ...config,
      single,
      group: { ...config.group, maxMembers: groupMembersMax },
      message: { ...config.message, filter: { enabled: true, action: "reject", words: [badWord] } },
    }),
  });
  const { api } = town;
  const people = [await newAccount(api, "ann"), await newAccount(api, "ben"), await newAccount(api, "eve")];
  const [ann, ben, eve] = people as [Account, Account, Account];
  const guest = await newGuest(api);
  return {
    town,
    ann,
    ben,
    eve,
    guest,
    onlyFriends: (on) => {
      single.requireFriend = on;
    },
    [Symbol.asyncDispose]: () => town[Symbol.asyncDispose](),
  };
}

type Body = object | string | undefined;

export function call<T = Record<string, unknown>>(
  { town }: Scene,
  by: Account | undefined,
  method: string,
  path: string,
  body?: Body,
): Promise<Answer<T>> {
  return town.api.call<T>(method, path, body, by?.accessToken);
}

/** The same, for what a case arranges: fails when it is refused. */
export async function done<T = Record<string, unknown>>(...request: Parameters<typeof call>): Promise<T> {
  const { success, code, data } = await call<T>(...request);
  if (!success) throw new Error(`${request[2]} ${request[3]}: ${code}`);
  return data;
}

/** Runs `ask` and then undoes what the case has set for everybody. */
export async function during(undo: () => Promise<unknown>, ask: () => Promise<Answer<unknown>>) {
  try {
    return await ask();
  } finally {
    await undo();
  }
}

/** What no endpoint can bring about yet. */
export async function inDatabase({ town }: Scene, ...statements: readonly string[]): Promise<void> {
  await town.db.script(async (execute) => {
    for (const statement of statements) await execute(statement);
  });
}

export async function say(scene: Scene, by: Account, id: string, fields: object = {}): Promise<string> {
  const body = { messageType: 1, content: "x", ...fields };
  return (await done<{ id: string }>(scene, by, "POST", `/conversations/${id}/messages`, body)).id;
}

export async function groupOf(scene: Scene, settings?: object): Promise<Place> {
  const body = { type: 2, name: "a group", members: [scene.ben.userId], settings };
  const { id } = await done<{ id: string }>(scene, scene.ann, "POST", "/conversations", body);
  return { id, message: await say(scene, scene.ann, id) };
}

export async function singleOf(scene: Scene): Promise<Place> {
  const body = { type: 1, members: [scene.ben.userId] };
  const { id } = await done<{ id: string }>(scene, scene.ann, "POST", "/conversations", body);
  return { id, message: await say(scene, scene.ann, id) };
}

/** `{id}` the conversation, `{message}`, `{ben}` and `{eve}` user ids, in the path. A change carries its key in the body, a
 *  DELETE in the query. */
export function request(method: string, path: string, body?: Body): Ask {
  return (scene, by, place, key) => {
    const ids: Readonly<Record<string, string>> = { ...place, ben: scene.ben.userId, eve: scene.eve.userId };
    const filled = (text: string): string => text.replaceAll(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? "");
    if (key === undefined || method === "DELETE") {
      const query = key === undefined ? "" : `?client_msg_id=${key}`;
      return call(scene, by, method, filled(path) + query, body === undefined ? body : filledBody(body, filled));
    }
    return call(scene, by, method, filled(path), { ...(filledBody(body ?? {}, filled) as object), client_msg_id: key });
  };
}

/** Ids in the body are those of the scene too. */
function filledBody(body: object | string, filled: (text: string) => string): Body {
  const text = JSON.stringify(body).replaceAll(/"\{(\w+)\}"/g, (whole) => JSON.stringify(filled(JSON.parse(whole))));
  return JSON.parse(text) as Body;
}

/** POSTs both bodies under one Idempotency-Key, and answers as the second was. */
export async function underOneKey(scene: Scene, by: Account, path: string, bodies: readonly [object, object]) {
  const key = Bun.randomUUIDv7();
  const post = (body: object): Promise<Response> =>
    fetch(`${scene.town.url}/api${path}`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${by.accessToken}`,
        "Content-Type": "application/json",
        "Idempotency-Key": key,
      },
      body: JSON.stringify(body),
    });
  const first = await post(bodies[0]);
  if (!first.ok) throw new Error(`${path}: ${first.status}`);
  const second = await post(bodies[1]);
  const { code, message } = (await second.json()) as { code?: string; message: string };
  const { status, ok: success, headers } = second;
  return { status, success, code, message, headers, data: {}, details: undefined } satisfies Answer<unknown>;
}
