import {
  type Ask,
  badWord,
  type Case,
  call,
  done,
  groupOf,
  inDatabase,
  type Place,
  type Row,
  type Rows,
  request,
  type Scene,
  say,
} from "./scene.ts";

const good = { messageType: 1, content: "x" };

/** `post` sends a body to a conversation. */
function sends(post: (scene: Scene, by: Scene["ann"], id: string, body: object) => ReturnType<Case>): Row {
  const refused =
    (fields: object): Case =>
    async (scene) =>
      await post(scene, scene.ann, (await groupOf(scene)).id, { ...good, ...fields });
  return {
    ask: (scene, by, { id }, key) => post(scene, by, id, { ...good, content: "other", client_msg_id: key }),
    cases: {
      MESSAGE_EMPTY: refused({ content: " \n" }),
      MESSAGE_TOO_LONG: refused({ content: "x".repeat(5001) }),
      UNSUPPORTED_MESSAGE_TYPE: refused({ messageType: 4 }),
      INVALID_MESSAGE_FORMAT: refused({ extra: "{" }),
      FILE_NOT_FOUND: refused({ messageType: 3, content: "123" }),
      CONTENT_REJECTED: refused({ content: `a ${badWord}` }),
      CONVERSATION_NOT_FOUND: (scene) => post(scene, scene.ann, "group_999", good),
    },
  };
}

/** By a member who is below Ann, of a message of hers. */
const message = "/messages/{message}";
const reaction = `${message}/reactions/%F0%9F%91%8D`;

/** The message is older than any window. */
function late(ask: Ask): Case {
  return async (scene) => {
    const place = await groupOf(scene);
    await inDatabase(scene, `UPDATE messages SET created_at = created_at - 86400000 WHERE id = ${place.message}`);
    return await ask(scene, scene.ann, place);
  };
}

/** Recalled by somebody else: who did it himself is answered the tombstone. */
function recalledByAnother(ask: Ask): Case {
  return async (scene) => {
    const { id } = await groupOf(scene);
    const place: Place = { id, message: await say(scene, scene.ben, id) };
    await done(scene, scene.ann, "POST", `/messages/${place.message}/recall`, {});
    return await ask(scene, scene.ben, place);
  };
}

const recalls = (ask: Ask): Row => ({
  ask,
  cases: { RECALL_TIME_EXCEEDED: late(ask), MESSAGE_RECALLED: recalledByAnother(ask) },
});

const edit = request("PUT", message, { content: "edited" });
const edited =
  (content: string): Case =>
  async (scene) =>
    await request("PUT", message, { content })(scene, scene.ann, await groupOf(scene));

/** One more than the limit, which is 20 for both. */
const limit = 20;

export const messageRows: Rows = {
  listMessages: { ask: request("GET", "/conversations/{id}/messages") },
  sendMessage: withoutPathError(
    sends((scene, by, id, body) => call(scene, by, "POST", `/conversations/${id}/messages`, body)),
  ),
  sendMessageTo: sends((scene, by, id, body) => call(scene, by, "POST", "/messages", { ...body, conversationId: id })),
  recallMessage: recalls(request("POST", `${message}/recall`, {})),
  deleteMessage: recalls(request("DELETE", message)),
  editMessage: {
    ask: edit,
    cases: {
      RECALL_TIME_EXCEEDED: late(edit),
      MESSAGE_EMPTY: edited(" "),
      MESSAGE_TOO_LONG: edited("x".repeat(5001)),
      INVALID_MESSAGE_FORMAT: edited("a\0b"),
      CONTENT_REJECTED: edited(badWord),
      UNSUPPORTED_MESSAGE_TYPE: async (scene) => {
        const place = await groupOf(scene);
        await inDatabase(scene, `UPDATE messages SET message_type = 3 WHERE id = ${place.message}`);
        return await edit(scene, scene.ann, place);
      },
    },
  },
  forwardMessage: { ask: request("POST", `${message}/forward`, { conversationIds: ["world"] }) },
  addReaction: {
    ask: request("PUT", reaction, {}),
    cases: {
      REACTION_LIMIT: async (scene) => {
        const place = await groupOf(scene);
        const path = `/messages/${place.message}/reactions`;
        for (let at = 0; at < limit; at += 1) await done(scene, scene.ann, "PUT", `${path}/e${at}`, {});
        return await call(scene, scene.ann, "PUT", `${path}/one-more`, {});
      },
    },
  },
  removeReaction: { ask: request("DELETE", reaction) },
  pinMessage: {
    ask: request("PUT", `${message}/pin`, {}),
    cases: {
      PIN_LIMIT: async (scene) => {
        const place = await groupOf(scene);
        for (let at = 0; at < limit; at += 1) {
          const pinned = await say(scene, scene.ann, place.id);
          await done(scene, scene.ann, "PUT", `/messages/${pinned}/pin`, {});
        }
        return await call(scene, scene.ann, "PUT", `/messages/${place.message}/pin`, {});
      },
    },
  },
  unpinMessage: { ask: request("DELETE", `${message}/pin`) },
  listPins: { ask: request("GET", "/conversations/{id}/pins") },
};

/** There the conversation is in the path. */
function withoutPathError({ ask, cases }: Row): Row {
  const { CONVERSATION_NOT_FOUND: _, ...others } = cases ?? {};
  return { ...(ask === undefined ? {} : { ask }), cases: others };
}
