import type { Random } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { HttpRequest } from "./http.ts";
import { uuidv7 } from "./ids.ts";
import { createRepeater } from "./repeat.ts";

export interface ChangerDeps {
  /** One request of the signed-in user. */
  readonly call: (request: HttpRequest) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Requests that change something. Each carries one `client_msg_id` over all its repeats, so that it is made once; an answer
 *  that says nothing about the outcome is repeated (see createRepeater). All reject with ClientError. */
export interface Changer {
  post(path: string, fields?: object): Promise<unknown>;
  put(path: string, fields?: object): Promise<unknown>;
  remove(path: string, query?: Readonly<Record<string, string | undefined>>): Promise<unknown>;
}

export function createChanger({ call, clock, random }: ChangerDeps): Changer {
  const repeat = createRepeater({ clock, random });
  const repeated = (request: HttpRequest): Promise<unknown> => repeat(() => call(request));
  const key = (): { client_msg_id: string } => ({ client_msg_id: uuidv7(clock.now()) });
  return {
    post: (path, fields = {}) => repeated({ method: "POST", path, body: { ...fields, ...key() } }),
    put: (path, fields = {}) => repeated({ method: "PUT", path, body: { ...fields, ...key() } }),
    remove: (path, query = {}) => repeated({ method: "DELETE", path, query: { ...query, ...key() } }),
  };
}
