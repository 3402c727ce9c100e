import { afterEach, beforeEach, expect } from "bun:test";
import { create } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import { eq, max } from "drizzle-orm";
import { run } from "#infra/db/steps.ts";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { isAppError } from "#proto/errors.ts";
import { type Message, MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import { CommitItemSchema, CommitStatus, MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import type { CreateTestRepo, TestRepo } from "../testing.ts";
import { conversationService } from "./conversation.ts";
import { messageService } from "./message.ts";

export interface SendFields {
  conversationId?: string;
  reply?: string;
  type?: MessageType;
}

/** A group of an owner and two members, anew for each test, and the services of repo that change it. */
export class ChangesFixture {
  nowMs = 1_800_000_000_000;
  repo!: TestRepo;
  message!: Client<typeof MessageService>;
  conversation!: Client<typeof ConversationService>;
  owner = "";
  ann = "";
  bob = "";
  group = "";

  constructor(createTestRepo: CreateTestRepo) {
    beforeEach(async () => {
      this.repo = await createTestRepo({ clock: () => this.nowMs });
      const { context } = this.repo;
      const services = [
        rpcService(MessageService, messageService(context)),
        rpcService(ConversationService, conversationService(context)),
      ];
      this.message = directClientOf(services, MessageService, { errors: connectErrors });
      this.conversation = directClientOf(services, ConversationService, { errors: connectErrors });
      const ids = [await this.repo.addUser(), await this.repo.addUser(), await this.repo.addUser()];
      ids.sort((a, b) => (a < b ? -1 : 1));
      [this.owner = "", this.ann = "", this.bob = ""] = ids.map(String);
      this.group = await this.repo.addConversation(ids);
    });
    afterEach(async () => {
      await this.repo[Symbol.asyncDispose]();
    });
  }

  async send(senderId: string, content: string, fields: SendFields = {}): Promise<string> {
    const messageId = this.repo.context.ids.snowflake().toString();
    const { conversationId = this.group, reply = "", type = MessageType.TEXT } = fields;
    const ids = { messageId, conversationId, senderId, clientMsgId: messageId, replyToMessageId: reply };
    const item = { ...ids, type, content, sendHash: new Uint8Array(32), extra: '{"a":1}' };
    const { results } = await this.message.commitMessages({ items: [create(CommitItemSchema, item)] });
    expect(results[0]?.status).toBe(CommitStatus.STORED);
    return messageId;
  }

  async history(viewerId = ""): Promise<Message[]> {
    const asked = { conversationId: this.group, ascending: true, viewerId };
    return (await this.message.getConversationMessages(asked)).messages;
  }

  /** Sets columns of the group. */
  async setGroup(fields: { settings?: string; dissolvedAt?: number; isRoom?: boolean }): Promise<void> {
    const { db, tables } = this.repo.context;
    const { conversations: c } = tables;
    await db.transaction((tx) => run(tx.q.update(c).set(fields).where(eq(c.id, this.group))));
  }

  /** Sets columns of the group's newest row, without the seq that a change has. */
  async setLastChange(fields: { changeType: string }): Promise<void> {
    const { db, tables } = this.repo.context;
    const { messages: m } = tables;
    const [newest] = await db.q
      .select({ id: max(m.id) })
      .from(m)
      .where(eq(m.conversationId, this.group));
    await db.transaction((tx) =>
      run(
        tx.q
          .update(m)
          .set(fields)
          .where(eq(m.id, newest?.id ?? 0n)),
      ),
    );
  }

  /** Sets columns of a member of the group. */
  async setMember(userId: string, fields: { role?: number; muted?: boolean; hiddenBeforeSeq?: bigint }): Promise<void> {
    const { db, tables } = this.repo.context;
    const { conversationMembers: m } = tables;
    await db.transaction((tx) =>
      run(
        tx.q
          .update(m)
          .set(fields)
          .where(eq(m.userId, BigInt(userId))),
      ),
    );
  }

  async rename(userId: string, username: string): Promise<void> {
    const { db, tables } = this.repo.context;
    const { users: u } = tables;
    await db.transaction((tx) =>
      run(
        tx.q
          .update(u)
          .set({ username })
          .where(eq(u.id, BigInt(userId))),
      ),
    );
  }

  async block(blocker: string, blocked: string): Promise<void> {
    const { db, tables, ids } = this.repo.context;
    const pair = { requesterId: BigInt(blocker), targetId: BigInt(blocked) };
    const row = { id: ids.snowflake(), ...pair, status: 3, createdAt: 1, updatedAt: 1 };
    await db.transaction((tx) => run(tx.q.insert(tables.friendshipRequests).values(row)));
  }
}

/** The name of the error that `promise` rejects with, or "nothing". */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "nothing";
  } catch (error) {
    return isAppError(error) ? error.code : String(error);
  }
}
