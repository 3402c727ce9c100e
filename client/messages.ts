import type { MessageJson as Message } from "#proto/objects.ts";
import type { Random } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { HttpRequest } from "./http.ts";
import { uuidv7 } from "./ids.ts";
import { createRepeater } from "./repeat.ts";

export interface PinnedMessage {
  readonly messageId: string;
  readonly seqId: number;
  readonly pinnedBy: string;
  /** Unix seconds. */
  readonly createdAt: number;
  /** In `pins` only. */
  readonly message?: Message;
}

export interface Forwarded {
  readonly messages: readonly Message[];
  readonly failed: readonly { readonly conversationId: string; readonly code: string }[];
}

/** Changes of single messages (spec 10 §7). Each carries one `client_msg_id` over all its repeats, so that it is made
 *  once; an answer that says nothing about the outcome is repeated three times. Rejects with ClientError. */
export interface Messages {
  get(messageId: string): Promise<Message>;
  /** Answers the tombstone. */
  recall(messageId: string, reason?: string): Promise<Message>;
  edit(messageId: string, content: string): Promise<Message>;
  react(messageId: string, emoji: string): Promise<Message>;
  unreact(messageId: string, emoji: string): Promise<Message>;
  pin(messageId: string): Promise<readonly PinnedMessage[]>;
  unpin(messageId: string): Promise<readonly PinnedMessage[]>;
  pins(conversationId: string): Promise<readonly PinnedMessage[]>;
  /** At most 20 conversations. */
  forward(messageId: string, conversationIds: readonly string[]): Promise<Forwarded>;
}

export interface MessagesDeps {
  /** One request of the signed-in user. */
  readonly call: (request: HttpRequest) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  /** A message as it is after a change of this client. */
  readonly onChanged: (message: Message) => void;
}

export function createMessages({ call, clock, random, onChanged }: MessagesDeps): Messages {
  const repeat = createRepeater({ clock, random });
  const repeated = (request: HttpRequest): Promise<unknown> => repeat(() => call(request));
  const newId = (): string => uuidv7(clock.now());
  const at = (messageId: string, rest = ""): string => `/messages/${encodeURIComponent(messageId)}${rest}`;
  const changed = async (request: HttpRequest): Promise<Message> => {
    const message = (await repeated(request)) as Message;
    onChanged(message);
    return message;
  };
  const put = (path: string, fields: object = {}): HttpRequest => ({
    method: "PUT",
    path,
    body: { ...fields, client_msg_id: newId() },
  });
  const remove = (path: string): HttpRequest => ({ method: "DELETE", path, query: { client_msg_id: newId() } });
  const reaction = (emoji: string): string => `/reactions/${encodeURIComponent(emoji)}`;
  const pinsOf = (answer: unknown): readonly PinnedMessage[] => (answer as { pins?: PinnedMessage[] }).pins ?? [];

  return {
    get: async (messageId) => (await call({ method: "GET", path: at(messageId) })) as Message,
    recall: (messageId, reason) => {
      const body = { client_msg_id: newId(), ...(reason === undefined ? {} : { reason }) };
      return changed({ method: "POST", path: at(messageId, "/recall"), body });
    },
    edit: (messageId, content) => changed(put(at(messageId), { content })),
    react: (messageId, emoji) => changed(put(at(messageId, reaction(emoji)))),
    unreact: (messageId, emoji) => changed(remove(at(messageId, reaction(emoji)))),
    pin: async (messageId) => pinsOf(await repeated(put(at(messageId, "/pin")))),
    unpin: async (messageId) => pinsOf(await repeated(remove(at(messageId, "/pin")))),
    pins: async (conversationId) =>
      pinsOf(await call({ method: "GET", path: `/conversations/${encodeURIComponent(conversationId)}/pins` })),
    forward: async (messageId, conversationIds) => {
      const body = { conversationIds, client_msg_id: newId() };
      return (await repeated({ method: "POST", path: at(messageId, "/forward"), body })) as Forwarded;
    },
  };
}
