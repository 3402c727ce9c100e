import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Client } from "@connectrpc/connect";
import type { Cache } from "#infra/cache/cache.ts";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { UserStatus } from "#proto/gen/gochat/common/v1/user_pb.ts";
import { ConversationService, RemovalReason } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import { OnlineStatusService } from "#proto/gen/gochat/repo/v1/online_status_service_pb.ts";
import { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import type { RepoContext } from "./context.ts";
import { conversationService } from "./rpc/conversation.ts";
import { messageService } from "./rpc/message.ts";
import { onlineStatusService } from "./rpc/online-status.ts";
import { sessionService } from "./rpc/session.ts";
import { userService } from "./rpc/user.ts";
import type { CreateTestRepo, TestRepo } from "./testing.ts";

/** Keys that repo keeps (spec 40 §5, docs/adr/0044-cache-keys.md). A key of another form fails the test that lists them:
 *  add it here and to that page, with a test of what makes it invalid. */
const forms = [
  /^user:info:\d+$/,
  /^conversation:members:[\w-]+:\d+$/,
  /^user:online:\{\d+\}$/,
  /^presence:\{\d+\}$/,
  /^presence:reports$/,
  /^last_online:\d+$/,
  /^gateway:incarnation:[\w-]+$/,
  /^revoked:sid:[\w-]+$/,
  /^token:blacklist:[0-9a-f]{64}$/,
] as const;

/** `cache`, and every key that it was asked for. */
function recorded(cache: Cache): { cache: Cache; keys: Set<string> } {
  const keys = new Set<string>();
  const note = (verb: string, args: readonly unknown[]): void => {
    const [first] = args;
    const named = verb === "eval" ? args[1] : first;
    for (const key of Array.isArray(named) ? named : [named]) if (typeof key === "string") keys.add(key);
  };
  const noting = new Proxy(cache, {
    get(target, verb: keyof Cache) {
      const own: unknown = target[verb];
      if (typeof own !== "function") return own;
      return (...args: unknown[]): unknown => {
        note(String(verb), args);
        return Reflect.apply(own, target, args);
      };
    },
  });
  return { cache: noting, keys };
}

const hash = (text: string): string => new Bun.CryptoHasher("sha256").update(text).digest("hex");

/** Runs on every database: `createTestRepo` says on which. */
export function cacheKeysSuite(createTestRepo: CreateTestRepo): void {
  let nowMs = 0;
  let repo: TestRepo;
  let context: RepoContext;
  let keys: Set<string>;
  let user: Client<typeof UserService>;
  let session: Client<typeof SessionService>;
  let online: Client<typeof OnlineStatusService>;
  let conversation: Client<typeof ConversationService>;
  let message: Client<typeof MessageService>;
  let owner = "";
  let ann = "";
  let bob = "";
  let group = "";

  beforeEach(async () => {
    nowMs = 1_800_000_000_000;
    repo = await createTestRepo({ clock: () => nowMs });
    const noting = recorded(repo.context.cache);
    keys = noting.keys;
    context = { ...repo.context, cache: noting.cache };
    const services = [
      rpcService(UserService, userService(context)),
      rpcService(SessionService, sessionService(context)),
      rpcService(OnlineStatusService, onlineStatusService(context)),
      rpcService(ConversationService, conversationService(context)),
      rpcService(MessageService, messageService(context)),
    ];
    user = directClientOf(services, UserService, { errors: connectErrors });
    session = directClientOf(services, SessionService, { errors: connectErrors });
    online = directClientOf(services, OnlineStatusService, { errors: connectErrors });
    conversation = directClientOf(services, ConversationService, { errors: connectErrors });
    message = directClientOf(services, MessageService, { errors: connectErrors });
    const ids = [await repo.addUser(), await repo.addUser(), await repo.addUser()];
    ids.sort((a, b) => (a < b ? -1 : 1));
    [owner = "", ann = "", bob = ""] = ids.map(String);
    group = await repo.addConversation(ids, { settings: '{"join_approval_required":true}' });
  });
  afterEach(() => repo[Symbol.asyncDispose]());

  const change = () => ({ conversationId: group, operatorId: owner, clientMsgId: Bun.randomUUIDv7() });

  describe("user:info:{id}", () => {
    const key = () => `user:info:${ann}`;
    const profile = async () => (await user.getUser({ userId: ann })).user;
    // Only a guest is upgraded.
    beforeEach(async () => {
      ann = String(await repo.addUser({ isGuest: true }));
    });
    const writes = {
      picture: [{ avatarUrl: "https://example.com/a.png", updateMask: ["avatar_url"] }, { avatarUrl: /a\.png$/ }],
      "name, as at an upgrade": [{ username: "renamed", isGuest: false, updateMask: ["username", "is_guest"] }, {}],
      state: [{ status: UserStatus.DISABLED, updateMask: ["status"] }, { status: UserStatus.DISABLED }],
      password: [{ passwordHash: "!!", updateMask: ["password_hash"] }, {}],
    } as const;

    test.each(Object.entries(writes))(
      "a change of the %s deletes it: the next reader has the new row",
      async (_, how) => {
        const before = await profile();
        expect(await context.cache.get(key())).toBeDefined();
        nowMs += 5_000;
        const { user: changed } = await user.updateUser({ userId: ann, ...how[0], updateMask: [...how[0].updateMask] });
        expect(await context.cache.get(key())).toBeUndefined();
        expect([await profile(), await profile()]).toEqual([changed, changed]);
        expect(changed).not.toEqual(before);
      },
    );

    test("a refused change deletes it as well, and what was read before a change is never stored after it", async () => {
      await profile();
      const taken = user.updateUser({
        userId: ann,
        username: (await user.getUser({ userId: bob })).user?.username ?? "",
      });
      await taken.catch(() => undefined);
      expect(await context.cache.get(key())).toBeUndefined();
      const { lease = "" } = await context.cache.getOrLease(key());
      await user.updateUser({ userId: ann, avatarUrl: "https://example.com/b.png" });
      expect(await context.cache.storeWithLease(key(), lease, "{}", { ttlMs: 1_000 })).toBe(false);
      expect((await profile())?.avatarUrl).toBe("https://example.com/b.png");
    });

    test("nothing absent is cached", async () => {
      await user.getUser({ userId: "4242" }).catch(() => undefined);
      expect(await context.cache.get("user:info:4242")).toBeUndefined();
    });
  });

  describe("conversation:members:{id}:{members_seq}", () => {
    /** Whom a push would reach: all are offline here. */
    async function reached(): Promise<string[]> {
      const { conversations } = await conversation.getConversationRoutes({ conversationIds: [group] });
      return (conversations[0]?.offlineUserIds ?? []).map(String).sort();
    }
    const remove = (userId: string, operatorId: string, reason: RemovalReason) =>
      conversation.removeConversationMember({ ...change(), userId, operatorId, reason });
    const joins = async (): Promise<string> => {
      const eve = (await repo.addUser()).toString();
      const { request } = await conversation.createJoinRequest({ conversationId: group, userId: eve, message: "" });
      const asked = { ...change(), requestId: request?.id ?? "", accept: true, membersMax: 9 };
      await conversation.handleJoinRequest(asked);
      return eve;
    };
    const writes: Readonly<Record<string, () => Promise<{ without?: string; with?: string }>>> = {
      "a removal": async () => {
        await remove(ann, owner, RemovalReason.REMOVED);
        return { without: ann };
      },
      "a leave": async () => {
        await remove(bob, bob, RemovalReason.LEFT);
        return { without: bob };
      },
      "an addition": async () => {
        const eve = (await repo.addUser()).toString();
        await conversation.addConversationMember({ ...change(), userIds: [eve], role: 1, membersMax: 9 });
        return { with: eve };
      },
      "an accepted request": async () => ({ with: await joins() }),
    };

    test.each(Object.keys(writes))("%s: the next push reads another key", async (name) => {
      const before = await reached();
      const differs = await writes[name]?.();
      const expected = new Set(before);
      if (differs?.without !== undefined) expected.delete(differs.without);
      if (differs?.with !== undefined) expected.add(differs.with);
      expect(await reached()).toEqual([...expected].sort());
      // A fill of the old key that comes late does no harm: nobody reads it any more.
      await context.cache.set(`conversation:members:${group}:0`, "5,6");
      expect(await reached()).toEqual([...expected].sort());
      expect([...keys].filter((key) => key.startsWith(`conversation:members:${group}:`))).toHaveLength(2);
    });

    test("G7: a list that says otherwise gives nobody a right", async () => {
      await remove(ann, owner, RemovalReason.REMOVED);
      const { conversation: row } = await conversation.getConversation({ conversationId: group });
      await context.cache.set(`conversation:members:${group}:${row?.membersSeq}`, [owner, ann, bob].join(","));
      const { members } = await conversation.getMembership({ conversationId: group, userIds: [ann] });
      expect(members).toEqual([]);
      const item = { ...newItem(ann), conversationId: group };
      expect((await message.commitMessages({ items: [item] })).results[0]?.errorCode).toBe("NOT_CONVERSATION_MEMBER");
    });
  });

  describe("revoked:sid:{sid} and token:blacklist:{hash}", () => {
    const token = hash("access");
    const sessionOf = async (userId: string): Promise<string> => {
      const id = Bun.randomUUIDv7();
      const expiresAt = BigInt(nowMs / 1000 + 86_400);
      const row = { id, userId, deviceId: "d", expiresAt };
      const refreshClaims = JSON.stringify({ exp: Number(expiresAt) });
      await session.createSession({ session: row, refreshHash: hash(id), refreshClaims });
      return id;
    };
    const refused = async (sid: string, tokenHash = token) =>
      (await session.isTokenRevoked({ tokenHash, sid, expiresAt: 0n })).revoked;

    test("revoking one, and all: the key at once, the row with the cache wiped", async () => {
      const [one, two, other] = [await sessionOf(ann), await sessionOf(ann), await sessionOf(bob)];
      await session.revokeSessions({ userId: ann, sessionIds: [one] });
      expect(await context.cache.get(`revoked:sid:${one}`)).toBe("1");
      expect([await refused(one), await refused(two), await refused(other)]).toEqual([true, false, false]);
      await session.revokeSessions({ userId: ann, sessionIds: [] });
      await context.cache.del([`revoked:sid:${one}`, `revoked:sid:${two}`]);
      expect([await refused(one), await refused(two), await refused(other)]).toEqual([true, true, false]);
    });

    test("a refresh token that is used again by another device", async () => {
      const sid = await sessionOf(ann);
      const newClaims = JSON.stringify({ exp: nowMs / 1000 + 86_400 });
      const rotate = (deviceId: string) =>
        session.rotateRefreshToken({ oldHash: hash(sid), newHash: hash(`${sid}2`), newClaims, deviceId });
      await rotate("d");
      await rotate("another").catch(() => undefined);
      expect([await context.cache.get(`revoked:sid:${sid}`), await refused(sid)]).toEqual(["1", true]);
    });

    test("one token alone", async () => {
      const sid = await sessionOf(ann);
      const expiresAt = BigInt(nowMs / 1000 + 60);
      await session.blacklistToken({ tokenHash: token, sid, expiresAt });
      expect([await refused(sid), await refused(sid, hash("other"))]).toEqual([true, false]);
    });
  });

  describe("presence:{id}, user:online:{id}, last_online:{id}", () => {
    test("going online and offline is what the next push and the next question see", async () => {
      const sessionId = Bun.randomUUIDv7();
      const sid = Bun.randomUUIDv7();
      const expiresAt = BigInt(nowMs / 1000 + 86_400);
      const refreshClaims = JSON.stringify({ exp: Number(expiresAt) });
      const row = { id: sid, userId: ann, expiresAt };
      await session.createSession({ session: row, refreshHash: hash(sid), refreshClaims });
      const place = { userId: ann, gatewayId: "gateway-1", incarnation: Bun.randomUUIDv7(), sessionId };
      const routed = async () =>
        (await conversation.getConversationRoutes({ conversationIds: [group] })).conversations[0]?.routes.map(String);
      const isOnline = async () => (await online.getUserOnlineStatus({ userId: ann })).status?.isOnline;
      await online.setUserOnline({ ...place, sid });
      expect([(await routed())?.length, await isOnline()]).toEqual([1, true]);
      nowMs += 2_000;
      await online.setUserOffline(place);
      expect([(await routed())?.length, await isOnline()]).toEqual([0, false]);
      const { status } = await online.getUserOnlineStatus({ userId: ann });
      expect(status?.lastSeen).toBe(BigInt(nowMs / 1000));
    });
  });

  const newItem = (senderId: string) => {
    const messageId = context.ids.snowflake().toString();
    const content = { type: MessageType.TEXT, content: "x", sendHash: new Uint8Array(32) };
    return { messageId, conversationId: group, senderId, clientMsgId: messageId, ...content };
  };

  test("what changes a conversation needs no key: history, list and unread count are the database's at once", async () => {
    const seen = async () => {
      const page = await message.getConversationMessages({ conversationId: group, ascending: true, viewerId: bob });
      const asked = { userId: bob, includeLastMessage: true };
      const { conversations } = await conversation.getUserConversationsWithDetails(asked);
      const listed = conversations.find((one) => one.conversation?.id === group);
      const state = [listed?.conversation?.name, listed?.lastMessage?.content, listed?.unreadCount];
      return [page.messages.map((row) => row.content || row.changeType), ...state];
    };
    const item = newItem(ann);
    await message.commitMessages({ items: [item] });
    expect(await seen()).toEqual([["x"], "", "x", 1n]);
    const target = { messageId: item.messageId, operatorId: ann };
    await message.updateMessageContent({ ...target, content: "y", windowSeconds: 120n, clientMsgId: "e" });
    expect(await seen()).toEqual([["y", "edit"], "", "y", 1n]);
    await conversation.updateConversation({ ...change(), name: "new name", updateMask: ["name"] });
    expect(await seen()).toEqual([["y", "edit", "info_updated"], "new name", "y", 1n]);
    await message.deleteMessage({ ...target, reason: "", windowSeconds: 120n, clientMsgId: "r" });
    expect(await seen()).toEqual([["", "edit", "info_updated", "recall"], "new name", "", 1n]);
    await conversation.updateReadPointer({ userId: bob, conversationId: group, seqId: 9n });
    expect((await seen()).at(-1)).toBe(0n);

    await user.getUser({ userId: bob });
    await conversation.getConversationRoutes({ conversationIds: [group] });
    const unknown = [...keys].filter((key) => !forms.some((form) => form.test(key)));
    expect(unknown).toEqual([]);
  });
}
