import { newAccount } from "../../../support/api.ts";
import { withoutGuests } from "./accounts.ts";
import {
  type Case,
  call,
  done,
  during,
  groupMembersMax,
  groupOf,
  inDatabase,
  type Place,
  type Rows,
  request,
  type Scene,
  singleOf,
  underOneKey,
} from "./scene.ts";
import { blocked } from "./usual.ts";

const open = { join_approval_required: true };

/** A group that can be asked to let people in, and the request of somebody. */
async function asked(scene: Scene, settings: object = {}): Promise<Place & { requestId: string; by: Scene["ann"] }> {
  const place = await groupOf(scene, { ...open, ...settings });
  const by = await newAccount(scene.town.api);
  const path = `/conversations/${place.id}/join-requests`;
  const { id: requestId } = await done<{ id: string }>(scene, by, "POST", path, {});
  return { ...place, requestId, by };
}

const answer = (scene: Scene, by: Scene["ann"], { id, requestId }: { id: string; requestId: string }, key?: string) => {
  const body = { action: "accept", client_msg_id: key };
  return call(scene, by, "PUT", `/conversations/${id}/join-requests/${requestId}`, body);
};

const inWorld =
  (method: string, path: string): Case =>
  (scene) =>
    call(scene, scene.ann, method, path.replace("{id}", "world"));

const stale =
  (method: string, path: string, body: object): Case =>
  async (scene) => {
    const place = await groupOf(scene);
    return await request(method, path, { ...body, version: "99" })(scene, scene.ann, place);
  };

const unnamed =
  (method: string, path: string, body: object): Case =>
  async (scene) =>
    await request(method, path, { ...body, name: " " })(scene, scene.ann, await groupOf(scene));

const newGroup = { type: 2, name: "a group", members: ["{ben}"] };
const create = (body: object): Case => {
  const ask = request("POST", "/conversations", body);
  return (scene) => ask(scene, scene.ann, { id: "", message: "" });
};

const conversation = "/conversations/{id}";

export const conversationRows: Rows = {
  createConversation: {
    cases: {
      INVALID_CONVERSATION_NAME: create({ ...newGroup, name: " " }),
      NOT_FRIENDS: (scene) => {
        scene.onlyFriends(true);
        const ask = () => create({ type: 1, members: ["{eve}"] })(scene);
        return during(async () => scene.onlyFriends(false), ask);
      },
      CANNOT_CHAT_SELF: (scene) => create({ type: 1, members: [scene.ann.userId] })(scene),
      BLOCKED_BY_USER: (scene) => blocked(scene, () => create({ type: 1, members: ["{ben}"] })(scene)),
      USER_NOT_FOUND: create({ ...newGroup, members: ["999"] }),
      CONVERSATION_FULL: create({
        ...newGroup,
        members: Array.from({ length: groupMembersMax }, (_, at) => String(at + 1)),
      }),
      GUEST_FORBIDDEN: (scene) => create({ ...newGroup, members: [scene.guest.userId] })(scene),
      IDEMPOTENCY_CONFLICT: (scene) => {
        const group = { ...newGroup, members: [scene.ben.userId] };
        return underOneKey(scene, scene.ann, "/conversations", [group, { ...group, name: "another" }]);
      },
    },
  },
  joinWorld: {
    cases: {
      GUEST_DISABLED: (scene) =>
        withoutGuests(scene, () => call(scene, scene.guest, "POST", "/conversations/world/join")),
    },
  },
  getConversation: { ask: request("GET", conversation) },
  updateConversation: {
    ask: request("PUT", conversation, { description: "new" }),
    cases: {
      VERSION_CONFLICT: stale("PUT", conversation, { description: "new" }),
      INVALID_CONVERSATION_NAME: unnamed("PUT", conversation, {}),
    },
  },
  deleteConversation: {
    ask: request("DELETE", conversation),
    // A single one is hidden instead.
    cases: { OPERATION_NOT_SUPPORTED: inWorld("DELETE", conversation) },
  },
  markRead: { ask: request("PUT", `${conversation}/read`, { seqId: 1 }) },
  updateMySettings: { ask: request("PUT", `${conversation}/settings`, { pinned: true }) },
  setDraft: { ask: request("PUT", `${conversation}/draft`, { content: "x" }) },
  removeDraft: { ask: request("DELETE", `${conversation}/draft`) },
  listReaders: {
    ask: request("GET", `${conversation}/reads?seqId=1`),
    cases: { OPERATION_NOT_SUPPORTED: inWorld("GET", `${conversation}/reads?seqId=1`) },
  },
  getAnnouncement: { ask: request("GET", `${conversation}/announcement`) },
  setAnnouncement: {
    ask: request("PUT", `${conversation}/announcement`, { content: "x" }),
    cases: { VERSION_CONFLICT: stale("PUT", `${conversation}/announcement`, { content: "x" }) },
  },
  requestJoin: {
    cases: {
      ALREADY_REQUESTED: async (scene) => {
        const { id, by } = await asked(scene);
        return await call(scene, by, "POST", `/conversations/${id}/join-requests`, {});
      },
      USER_ALREADY_IN_CONVERSATION: async (scene) => {
        const { id } = await groupOf(scene, open);
        return await call(scene, scene.ben, "POST", `/conversations/${id}/join-requests`, {});
      },
      OPERATION_NOT_SUPPORTED: async (scene) => {
        const { id } = await groupOf(scene);
        return await call(scene, scene.eve, "POST", `/conversations/${id}/join-requests`, {});
      },
      CONVERSATION_DISSOLVED: async (scene) => {
        const { id } = await groupOf(scene, open);
        await done(scene, scene.ann, "DELETE", `/conversations/${id}`);
        return await call(scene, scene.eve, "POST", `/conversations/${id}/join-requests`, {});
      },
      IDEMPOTENCY_CONFLICT: async (scene) => {
        const { id } = await groupOf(scene, open);
        const bodies = [{ message: "let me in" }, { message: "please" }] as const;
        return await underOneKey(scene, scene.eve, `/conversations/${id}/join-requests`, bodies);
      },
    },
  },
  listJoinRequests: { ask: request("GET", `${conversation}/join-requests`) },
  handleJoinRequest: {
    cases: {
      NOT_CONVERSATION_MEMBER: async (scene) => await answer(scene, scene.eve, await asked(scene)),
      INSUFFICIENT_PERMISSION: async (scene) => await answer(scene, scene.ben, await asked(scene)),
      CONVERSATION_DISSOLVED: async (scene) => {
        const place = await asked(scene);
        await done(scene, scene.ann, "DELETE", `/conversations/${place.id}`);
        return await answer(scene, scene.ann, place);
      },
      CONVERSATION_FULL: async (scene) => await answer(scene, scene.ann, await asked(scene, { max_members: 2 })),
      USER_NOT_FOUND: async (scene) => {
        const place = await asked(scene);
        await inDatabase(scene, `UPDATE users SET status = 1 WHERE id = ${place.by.userId}`);
        return await answer(scene, scene.ann, place);
      },
      IDEMPOTENCY_CONFLICT: async (scene) => {
        const place = await asked(scene);
        const message = { messageType: 1, content: "x", client_msg_id: "taken" };
        await done(scene, scene.ann, "POST", `/conversations/${place.id}/messages`, message);
        return await answer(scene, scene.ann, place, "taken");
      },
    },
  },
  listMembers: {
    ask: request("GET", `${conversation}/members`),
    cases: { OPERATION_NOT_SUPPORTED: inWorld("GET", `${conversation}/members`) },
  },
  addMembers: {
    ask: request("POST", `${conversation}/members`, { members: ["{eve}"] }),
    cases: {
      INSUFFICIENT_PERMISSION: async (scene) => {
        const { id } = await groupOf(scene, { invite_enabled: false });
        return await call(scene, scene.ben, "POST", `/conversations/${id}/members`, { members: [scene.eve.userId] });
      },
      CONVERSATION_FULL: async (scene) => {
        const { id } = await groupOf(scene, { max_members: 2 });
        return await call(scene, scene.ann, "POST", `/conversations/${id}/members`, { members: [scene.eve.userId] });
      },
    },
  },
  removeMember: { ask: request("DELETE", `${conversation}/members/{ben}`) },
  setRole: { ask: request("PUT", `${conversation}/members/{ben}`, { role: 2 }) },
  muteMember: { ask: request("PUT", `${conversation}/members/{ben}/mute`, { muted: true }) },
  muteAll: { ask: request("PUT", `${conversation}/mute-all`, { enabled: true }) },
  leaveConversation: {
    ask: request("POST", `${conversation}/leave`, {}),
    cases: {
      CANNOT_LEAVE_CONVERSATION: async (scene) => {
        const { id } = await singleOf(scene);
        return await call(scene, scene.ann, "POST", `/conversations/${id}/leave`, {});
      },
    },
  },
};
