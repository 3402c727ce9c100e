import { expect } from "bun:test";
import { directClientOf } from "#infra/rpc/direct.ts";
import { rpcService } from "#infra/rpc/rpc.ts";
import { connectErrors } from "#proto/connect-errors.ts";
import { isAppError } from "#proto/errors.ts";
import type { MessageType } from "#proto/gen/gochat/common/v1/message_pb.ts";
import { MessageService } from "#proto/gen/gochat/repo/v1/message_service_pb.ts";
import type { ChangesFixture } from "../rpc/changes-testing.ts";
import { messageService } from "../rpc/message.ts";

export interface Asked {
  conversationId: string;
  viewerId?: string;
  asMember?: boolean;
  limit?: number;
  startSeqId?: bigint;
  endSeqId?: bigint;
  ascending?: boolean;
  typeFilter?: MessageType[];
  excludeDeleted?: boolean;
  excludeChanges?: boolean;
}

/** Pages as they are asked for, and what the database says. */
export class PagesFixture {
  readonly #at: ChangesFixture;

  constructor(at: ChangesFixture) {
    this.#at = at;
  }

  /** A store that was never asked holds nothing. */
  unread(): ChangesFixture["message"] {
    const service = rpcService(MessageService, messageService(this.#at.repo.context));
    return directClientOf([service], MessageService, { errors: connectErrors });
  }

  /** The answer, or the code of the refusal. */
  async page(message: ChangesFixture["message"], asked: Asked) {
    try {
      return await message.getConversationMessages(asked);
    } catch (error) {
      if (isAppError(error)) return error.code;
      throw error;
    }
  }

  async statementsOf(work: () => Promise<unknown>): Promise<number> {
    const { db } = this.#at.repo.context;
    const before = db.stats().statements;
    await work();
    return db.stats().statements - before;
  }

  /** The page is that of a store which holds nothing, and its rows are those that are read one by one, by their ids. */
  async expectTrue(asked: Asked): Promise<void> {
    const answer = await this.page(this.#at.message, asked);
    const unread = this.unread();
    expect(answer).toEqual(await this.page(unread, asked));
    if (typeof answer === "string") return;
    const messageIds = answer.messages.map(({ id }) => id);
    const { messages } = await unread.getMessages({ messageIds, viewerId: asked.viewerId ?? "" });
    expect(answer.messages).toEqual(messages);
  }
}
