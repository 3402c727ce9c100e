/** Who the sockets belong to. */
export interface Person {
  readonly token: string;
  readonly userId: string;
}

/** Signs guests in, `atOnce` at a time. */
export function signInGuests(url: string, count: number, atOnce = 32): Promise<Person[]> {
  return many(count, atOnce, () => post<Tokens>(`${url}/api/auth/guest`).then(personOf));
}

/** Registers accounts and signs them in. A password costs the server a tenth of a second of CPU, twice. */
export function registerPeople(url: string, count: number, atOnce = 4): Promise<Person[]> {
  const run = crypto.randomUUID().slice(0, 8);
  return many(count, atOnce, async (index) => {
    const account = { username: `bench_${run}_${index}`, password: `bench ${run} correct horse` };
    await post(`${url}/api/auth/register`, account);
    return personOf(await post<Tokens>(`${url}/api/auth/login`, account));
  });
}

/** A conversation of these people, made by the first. Two are a single chat, more a group. */
export async function converse(url: string, people: readonly Person[], group: boolean): Promise<string> {
  const [first, ...others] = people;
  const members = others.map(({ userId }) => userId);
  const body = group ? { type: 2, name: "bench", members } : { type: 1, members };
  return (await post<{ id: string }>(`${url}/api/conversations`, body, first?.token)).id;
}

/** Sends one message over HTTP; answers where it was stored. */
export async function say(
  url: string,
  person: Person | undefined,
  message: { readonly conversationId: string; readonly content: string; readonly clientMsgId: string },
): Promise<{ seq: number; id: string }> {
  const { conversationId, content, clientMsgId } = message;
  const body = { content, messageType: 1, client_msg_id: clientMsgId };
  const path = `/api/conversations/${conversationId}/messages`;
  const { id, seqId } = await post<{ id: string; seqId: number }>(`${url}${path}`, body, person?.token);
  return { seq: seqId, id };
}

interface Tokens {
  readonly accessToken: string;
  readonly user: { readonly id: string };
}

const personOf = ({ accessToken, user }: Tokens): Person => ({ token: accessToken, userId: user.id });

async function post<T>(url: string, body?: unknown, token?: string): Promise<T> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token !== undefined) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(url, {
    method: "POST",
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${new URL(url).pathname} answered ${answer.status}: ${await answer.text()}`);
  const { data } = (await answer.json()) as { data: T };
  return data;
}

async function many<T>(count: number, atOnce: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = new Array(count);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      made[index] = await make(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, lane));
  return made;
}
