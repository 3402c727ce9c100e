import { describe, expect, test } from "bun:test";
import type { CreateTestRepo } from "../testing.ts";
import { ChangesFixture, codeOf } from "./changes-testing.ts";

/** What a group says of itself, and requests to join it. Runs on every database: `createTestRepo` says on which. */
export function infoChangesSuite(createTestRepo: CreateTestRepo): void {
  const at = new ChangesFixture(createTestRepo);

  describe("name, picture, description, settings (spec 10 §5)", () => {
    const update = (fields: object) =>
      at.conversation.updateConversation({ conversationId: at.group, operatorId: at.owner, ...fields });

    test("what differs makes one row and the next version; the same again makes none", async () => {
      const name = "'; DROP TABLE \u{1f600} \\";
      const mask = ["name", "description", "settings"];
      const fields = { name, description: "d", settings: '{"mute_all":true}', updateMask: mask, clientMsgId: "a" };
      const { conversation, changes } = await update(fields);
      expect(conversation).toMatchObject({ name, description: "d", settings: '{"mute_all":true}' });
      expect(changes?.rows[0]?.change).toMatchObject({
        case: "infoUpdated",
        value: { changed: ["name", "description", "settings"] },
      });
      expect((await update({ ...fields, clientMsgId: "b" })).changes?.rows).toEqual([]);
      expect((await update(fields)).changes?.rows).toHaveLength(1);
      expect(await codeOf(update({ ...fields, name: "x" }))).toBe("IDEMPOTENCY_CONFLICT");
      const merged = await update({ settings: '{"invite_enabled":false}', updateMask: ["settings"] });
      expect(JSON.parse(merged.conversation?.settings ?? "")).toEqual({ mute_all: true, invite_enabled: false });
      const cleared = await update({ description: "", updateMask: ["description"] });
      expect(cleared.conversation).toMatchObject({ name, description: "" });
    });

    test("VERSION_CONFLICT for one of two who change what they both have read", async () => {
      const read = (await at.conversation.getConversation({ conversationId: at.group })).conversation?.version ?? 0n;
      const rename = (name: string) => codeOf(update({ name, updateMask: ["name"], expectedVersion: read }));
      await update({ name: "first", updateMask: ["name"] });
      const version = (await at.conversation.getConversation({ conversationId: at.group })).conversation?.version;
      expect(version).toBeGreaterThan(read);
      const both = ["a", "b"].map((name) =>
        codeOf(update({ name, updateMask: ["name"], expectedVersion: version ?? 0n })),
      );
      expect((await Promise.all(both)).toSorted()).toEqual(["VERSION_CONFLICT", "nothing"]);
      if (read !== 0n) expect(await rename("late")).toBe("VERSION_CONFLICT");
    });

    test("CONVERSATION_DISSOLVED: nothing more is changed, and it is dissolved once", async () => {
      const dissolve = (clientMsgId: string) =>
        at.conversation.dissolveConversation({
          conversationId: at.group,
          operatorId: at.owner,
          reason: "done",
          clientMsgId,
        });
      const { changes } = await dissolve("d");
      expect(changes?.rows.map((row) => row.changeType)).toEqual(["dissolved"]);
      expect((await dissolve("d")).changes?.rows).toHaveLength(1);
      expect(await codeOf(dissolve("again"))).toBe("CONVERSATION_DISSOLVED");
      expect(await codeOf(update({ name: "x", updateMask: ["name"] }))).toBe("CONVERSATION_DISSOLVED");
    });
  });

  describe("announcements (spec 10 §9)", () => {
    const announce = (content: string, fields: object = {}) =>
      at.conversation.setAnnouncement({ conversationId: at.group, operatorId: at.owner, content, ...fields });

    test("one of a group, with a version of its own; the same again makes no row", async () => {
      const first = await announce("\u{1f389} party '", { pinned: true });
      expect(first.announcement).toMatchObject({ content: "\u{1f389} party '", pinned: true, version: 1n });
      expect((await announce("\u{1f389} party '", { pinned: true })).changes?.rows).toEqual([]);
      const second = await announce("later", { expectedVersion: 1n });
      expect(second.announcement).toMatchObject({ id: first.announcement?.id, content: "later", version: 2n });
      expect(await codeOf(announce("x", { expectedVersion: 1n }))).toBe("VERSION_CONFLICT");
      const kept = await at.conversation.getAnnouncement({ conversationId: at.group });
      expect(kept.announcement).toMatchObject({ content: "later", pinned: false, authorId: at.owner });
    });

    test("two first ones at the same time are one after the other", async () => {
      await Promise.all([announce("a"), announce("b")]);
      const { announcement } = await at.conversation.getAnnouncement({ conversationId: at.group });
      expect(announcement?.version).toBe(2n);
      expect(await codeOf(announce("x", { operatorId: at.ann }))).toBe("INSUFFICIENT_PERMISSION");
    });
  });

  describe("requests to join (spec 10 §6)", () => {
    const ask = (userId: string, message = "") =>
      at.conversation.createJoinRequest({ conversationId: at.group, userId, message });
    const handle = (requestId: string, accept: boolean, fields: object = {}) =>
      at.conversation.handleJoinRequest({ requestId, operatorId: at.owner, accept, membersMax: 10, ...fields });
    const opened = async (settings: object = {}): Promise<string> => {
      await at.setGroup({ settings: JSON.stringify({ join_approval_required: true, ...settings }) });
      return (await at.repo.addUser()).toString();
    };

    test("accepted: a member, once; rejected: he may ask again", async () => {
      const eve = await opened();
      const { request } = await ask(eve, "let me \u{1f64f} in");
      const id = request?.id ?? "";
      expect(request).toMatchObject({ userId: eve, status: 1, message: "let me \u{1f64f} in", handledBy: "" });
      expect(await codeOf(ask(eve))).toBe("ALREADY_REQUESTED");
      expect((await handle(id, false, { clientMsgId: "h" })).request).toMatchObject({ status: 3, handledBy: at.owner });
      expect(await codeOf(handle(id, true))).toBe("JOIN_REQUEST_NOT_FOUND");
      const again = (await ask(eve)).request?.id ?? "";
      const accepted = await handle(again, true, { clientMsgId: "i" });
      expect(accepted.changes?.rows.map((row) => row.changeType)).toEqual(["member_added"]);
      expect((await handle(again, true, { clientMsgId: "i" })).changes?.rows).toHaveLength(1);
      expect(await codeOf(ask(eve))).toBe("USER_ALREADY_IN_CONVERSATION");
      const listed = await at.conversation.listJoinRequests({ conversationId: at.group, limit: 1 });
      expect([listed.requests.map((one) => one.id), listed.total]).toEqual([[again], 2n]);
      const pending = await at.conversation.listJoinRequests({ conversationId: at.group, status: 1, limit: 9 });
      expect([pending.requests, pending.total]).toEqual([[], 0n]);
    });

    test("asked twice at the same time: one request; handled twice at the same time: once", async () => {
      const eve = await opened();
      const asked = await Promise.allSettled([ask(eve), ask(eve)]);
      expect(asked.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      const [open] = (await at.conversation.listJoinRequests({ conversationId: at.group, limit: 9 })).requests;
      const codes = await Promise.all([true, false].map((accept) => codeOf(handle(open?.id ?? "", accept))));
      expect(codes.toSorted()).toEqual(["JOIN_REQUEST_NOT_FOUND", "nothing"]);
    });

    test("CONVERSATION_FULL keeps the request open; another group's name is JOIN_REQUEST_NOT_FOUND", async () => {
      const eve = await opened({ max_members: 3 });
      const id = (await ask(eve)).request?.id ?? "";
      expect(await codeOf(handle(id, true))).toBe("CONVERSATION_FULL");
      expect(await codeOf(handle(id, false, { conversationId: "group_1" }))).toBe("JOIN_REQUEST_NOT_FOUND");
      expect((await at.conversation.getJoinRequest({ requestId: id })).request?.status).toBe(1);
      expect((await handle(id, false, { conversationId: at.group })).request?.status).toBe(3);
    });
  });
}
