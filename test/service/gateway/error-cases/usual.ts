import type { ErrorName } from "../../../../proto/errors.ts";
import { type Ask, type Case, call, done, during, groupOf, type Scene, say, singleOf } from "./scene.ts";

/** Errors that come about in the same way for every endpoint which documents them. */
export const usual: Readonly<Partial<Record<ErrorName, (ask: Ask) => Case>>> = {
  NOT_CONVERSATION_MEMBER: (ask) => async (scene) => await ask(scene, scene.eve, await groupOf(scene)),
  INSUFFICIENT_PERMISSION: (ask) => async (scene) => await ask(scene, scene.ben, await groupOf(scene)),
  OPERATION_NOT_SUPPORTED: (ask) => async (scene) => await ask(scene, scene.ann, await singleOf(scene)),
  CONVERSATION_DISSOLVED: (ask) => async (scene) => {
    const place = await groupOf(scene);
    await done(scene, scene.ann, "DELETE", `/conversations/${place.id}`);
    return await ask(scene, scene.ann, place);
  },
  // Under the key there is a message: whatever the change is, it is other content.
  IDEMPOTENCY_CONFLICT: (ask) => async (scene) => {
    const place = await groupOf(scene);
    await say(scene, scene.ann, place.id, { client_msg_id: "taken" });
    return await ask(scene, scene.ann, place, "taken");
  },
  BLOCKED_BY_USER: (ask) => async (scene) => {
    const place = await singleOf(scene);
    return await blocked(scene, () => ask(scene, scene.ann, place));
  },
  MESSAGE_RECALLED: (ask) => async (scene) => {
    const place = await groupOf(scene);
    await done(scene, scene.ann, "POST", `/messages/${place.message}/recall`, {});
    return await ask(scene, scene.ann, place);
  },
  USER_MUTED: (ask) => async (scene) => {
    const { id } = await groupOf(scene);
    const message = await say(scene, scene.ben, id);
    await done(scene, scene.ann, "PUT", `/conversations/${id}/members/${scene.ben.userId}/mute`, { muted: true });
    return await ask(scene, scene.ben, { id, message });
  },
};

/** `ask` while Ben has blocked Ann. */
export async function blocked(scene: Scene, ask: () => ReturnType<Case>): ReturnType<Case> {
  const path = `/blocks/${scene.ann.userId}`;
  await done(scene, scene.ben, "PUT", path);
  return await during(() => call(scene, scene.ben, "DELETE", path), ask);
}
