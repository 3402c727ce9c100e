import type { MessageJson as Message } from "#proto/objects.ts";
import type { Changer } from "./changer.ts";
import type { HttpRequest } from "./http.ts";

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

/** Changes of single messages (spec 10 §7), each made once over all its repeats (see Changer). Rejects with ClientError. */
export interface Messages {
  get(messageId: string): Promise<Message>;
  /** Answers the tombstone. */
  recall(messageId: string, reason?: string): Promise<Message>;
  edit(messageId: string, content: string): Promise<Message>;
  react(messageId: string, emoji: string): Promise<Message>;
  unreact(messageId: string, emoji: string): Promise<Message>;
  /** Newest first, here and in `unpin` and `pins`; at most 20. */
  pin(messageId: string): Promise<readonly PinnedMessage[]>;
  unpin(messageId: string): Promise<readonly PinnedMessage[]>;
  pins(conversationId: string): Promise<readonly PinnedMessage[]>;
  /** At most 20 conversations. */
  forward(messageId: string, conversationIds: readonly string[]): Promise<Forwarded>;
}

export interface MessagesDeps {
  /** One request of the signed-in user. */
  readonly call: (request: HttpRequest) => Promise<unknown>;
  readonly changer: Changer;
  /** A message as it is after a change of this client. */
  readonly onChanged: (message: Message) => void;
}

export function createMessages({ call, changer, onChanged }: MessagesDeps): Messages {
  const at = (messageId: string, rest = ""): string => `/messages/${encodeURIComponent(messageId)}${rest}`;
  const changed = async (answer: Promise<unknown>): Promise<Message> => {
    const message = (await answer) as Message;
    onChanged(message);
    return message;
  };
  const reaction = (emoji: string): string => `/reactions/${encodeURIComponent(emoji)}`;
  const pinsOf = (answer: unknown): readonly PinnedMessage[] => (answer as { pins?: PinnedMessage[] }).pins ?? [];

  return {
    get: async (messageId) => (await call({ method: "GET", path: at(messageId) })) as Message,
    recall: (messageId, reason) => {
      return changed(changer.post(at(messageId, "/recall"), reason === undefined ? {} : { reason }));
    },
    edit: (messageId, content) => changed(changer.put(at(messageId), { content })),
    react: (messageId, emoji) => changed(changer.put(at(messageId, reaction(emoji)))),
    unreact: (messageId, emoji) => changed(changer.remove(at(messageId, reaction(emoji)))),
    pin: async (messageId) => pinsOf(await changer.put(at(messageId, "/pin"))),
    unpin: async (messageId) => pinsOf(await changer.remove(at(messageId, "/pin"))),
    pins: async (conversationId) =>
      pinsOf(await call({ method: "GET", path: `/conversations/${encodeURIComponent(conversationId)}/pins` })),
    forward: async (messageId, conversationIds) =>
      (await changer.post(at(messageId, "/forward"), { conversationIds })) as Forwarded,
  };
}
