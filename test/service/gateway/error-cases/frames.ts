import type { ErrorName } from "../../../../proto/errors.ts";
import type { ClientFrameType } from "../../../../proto/frames.ts";
import { type Account, newAccount } from "../../../support/api.ts";
import { badWord, done, groupOf, inDatabase, type Place, type Scene, say, singleOf } from "./scene.ts";

/** A frame that is refused. `opened` follows as soon as the socket is open, before the frame is sent. */
export interface Refused {
  readonly by: Account;
  readonly data: object;
  readonly opened?: () => Promise<unknown>;
  /** Afterwards, for what was set for everybody. */
  readonly undo?: () => Promise<unknown>;
}
export type FrameCase = (scene: Scene) => Promise<Refused>;
export type FrameCases = Readonly<Partial<Record<ErrorName, FrameCase>>>;

const nowhere = "group_999";
/** The data of a frame in a conversation, and of one about a message. */
type Data = (place: Place, key?: string) => object;

const member = (data: Data): FrameCases => ({
  CONVERSATION_NOT_FOUND: async ({ ann }) => ({ by: ann, data: data({ id: nowhere, message: "" }) }),
  NOT_CONVERSATION_MEMBER: async (scene) => ({ by: scene.eve, data: data(await groupOf(scene)) }),
});

async function dissolved(scene: Scene): Promise<Place> {
  const place = await groupOf(scene);
  await done(scene, scene.ann, "DELETE", `/conversations/${place.id}`);
  return place;
}

async function keyTaken(scene: Scene): Promise<Place> {
  const place = await groupOf(scene);
  await say(scene, scene.ann, place.id, { client_msg_id: "taken" });
  return place;
}

async function blockedBy(scene: Scene, data: Data): Promise<Refused> {
  const place = await singleOf(scene);
  const path = `/blocks/${scene.ann.userId}`;
  await done(scene, scene.ben, "PUT", path);
  return { by: scene.ann, data: data(place), undo: () => done(scene, scene.ben, "DELETE", path) };
}

const change = (data: Data): FrameCases => ({
  MESSAGE_NOT_FOUND: async ({ ann }) => ({ by: ann, data: data({ id: "", message: "999" }) }),
  NOT_CONVERSATION_MEMBER: async (scene) => ({ by: scene.eve, data: data(await groupOf(scene)) }),
  CONVERSATION_DISSOLVED: async (scene) => ({ by: scene.ann, data: data(await dissolved(scene)) }),
  IDEMPOTENCY_CONFLICT: async (scene) => ({ by: scene.ann, data: data(await keyTaken(scene), "taken") }),
  MESSAGE_RECALLED: async (scene) => {
    const { id } = await groupOf(scene);
    const message = await say(scene, scene.ben, id);
    await done(scene, scene.ann, "POST", `/messages/${message}/recall`, {});
    return { by: scene.ben, data: data({ id, message }) };
  },
});

const sent: Data = ({ id }, key) => ({
  conversationId: id,
  content: "x",
  messageType: 1,
  client_msg_id: key ?? Bun.randomUUIDv7(),
});
const inPlace: Data = ({ id }) => ({ conversationId: id });
const recalled: Data = ({ message }, key) => ({
  messageId: message,
  ...(key === undefined ? {} : { client_msg_id: key }),
});
const reacted: Data = (place, key) => ({ ...recalled(place, key), emoji: "👍" });

const inWorld =
  (fields: object): FrameCase =>
  async ({ ann }) => ({
    by: ann,
    data: { ...sent({ id: "world", message: "" }), ...fields },
  });
const typing: FrameCases = {
  ...member(inPlace),
  OPERATION_NOT_SUPPORTED: async ({ ann }) => ({ by: ann, data: { conversationId: "world" } }),
};
const badToken =
  (token: (scene: Scene) => string): FrameCase =>
  async (scene) => ({
    by: scene.ann,
    data: { token: token(scene) },
  });
const dayMs = 86_400_000;

/** Each error of each client frame, as it answers by an `error` frame. */
export const errorCases: Readonly<Partial<Record<ClientFrameType, FrameCases>>> = {
  "send-message": {
    MESSAGE_EMPTY: inWorld({ content: " " }),
    MESSAGE_TOO_LONG: inWorld({ content: "x".repeat(5001) }),
    UNSUPPORTED_MESSAGE_TYPE: inWorld({ messageType: 4 }),
  },
  "mark-read": member(({ id }) => ({ conversationId: id, seqId: 1 })),
  typing,
  "stop-typing": typing,
  "recall-message": {
    ...change(recalled),
    INSUFFICIENT_PERMISSION: async (scene) => ({ by: scene.ben, data: recalled(await groupOf(scene)) }),
    RECALL_TIME_EXCEEDED: async (scene) => {
      const place = await groupOf(scene);
      await inDatabase(scene, `UPDATE messages SET created_at = created_at - ${dayMs} WHERE id = ${place.message}`);
      return { by: scene.ann, data: recalled(place) };
    },
  },
  react: {
    ...change(reacted),
    BLOCKED_BY_USER: (scene) => blockedBy(scene, reacted),
    REACTION_LIMIT: async (scene) => {
      const place = await groupOf(scene);
      for (let at = 0; at < 20; at += 1) {
        await done(scene, scene.ann, "PUT", `/messages/${place.message}/reactions/e${at}`, {});
      }
      return { by: scene.ann, data: reacted(place) };
    },
  },
  "refresh-auth": {
    INVALID_TOKEN: badToken(({ ben }) => ben.accessToken),
    TOKEN_EXPIRED: async ({ town, ann }) => ({
      by: ann,
      data: { token: ann.accessToken },
      opened: async () => town.advance(2 * dayMs),
      undo: async () => town.advance(-2 * dayMs),
    }),
  },
};

/** The same, as the `code` of a failed `message-ack`. */
export const failedCases: FrameCases = {
  ...member(sent),
  CONVERSATION_DISSOLVED: async (scene) => ({ by: scene.ann, data: sent(await dissolved(scene)) }),
  IDEMPOTENCY_CONFLICT: async (scene) => ({
    by: scene.ann,
    data: { ...sent(await keyTaken(scene), "taken"), content: "y" },
  }),
  BLOCKED_BY_USER: (scene) => blockedBy(scene, sent),
  USER_MUTED: async (scene) => {
    const { id } = await groupOf(scene);
    await done(scene, scene.ann, "PUT", `/conversations/${id}/members/${scene.ben.userId}/mute`, { muted: true });
    return { by: scene.ben, data: sent({ id, message: "" }) };
  },
  USER_DISABLED: async (scene) => {
    const by = await newAccount(scene.town.api);
    const opened = () => inDatabase(scene, `UPDATE users SET status = 1 WHERE id = ${by.userId}`);
    return { by, data: sent({ id: "world", message: "" }), opened };
  },
  INVALID_MESSAGE_FORMAT: inWorld({ replyToMessageId: "999" }),
  FILE_NOT_FOUND: inWorld({ messageType: 3, content: "123" }),
  CONTENT_REJECTED: inWorld({ content: badWord }),
};

/** The same, as `error` of a conversation in a `sync-result`. */
export const syncCases: FrameCases = member(({ id }) => ({ conversations: [{ id, afterSeq: 0 }] }));
