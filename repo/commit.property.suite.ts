import { expect, test } from "bun:test";
import { asc } from "drizzle-orm";
import fc from "fast-check";
import { createCommitter } from "./commit.ts";
import type { CommitItem } from "./commit-item.ts";
import { type RepoContext, worldId } from "./context.ts";
import { unpackRanges } from "./store/outbox-ranges.ts";
import type { CreateTestRepo } from "./testing.ts";

/** Runs on every database: `createTestRepo` says on which. */
export function commitPropertySuite(createTestRepo: CreateTestRepo): void {
  const conversationsMax = 3;
  const sendersMax = 4;

  /** A send: which conversation, sender and client id, and which of two contents. The last sender is in no group. */
  const send = fc.record({
    conversation: fc.nat(conversationsMax),
    sender: fc.nat(sendersMax - 1),
    clientId: fc.nat(11),
    content: fc.constantFrom("one", "two"),
  });
  /** Several calls at once; each may meet a crash at the n-th id that it makes inside its transaction. */
  const call = fc.record({ sends: fc.array(send, { minLength: 1, maxLength: 12 }), crashAt: fc.option(fc.nat(6)) });
  const rounds = fc.array(fc.array(call, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 8 });

  function crashing(context: RepoContext, crashAt: number | null): RepoContext {
    let made = 0;
    const snowflake = (): bigint => {
      made += 1;
      if (crashAt !== null && made > crashAt) throw new Error("crash");
      return context.ids.snowflake();
    };
    return { ...context, ids: { worker: 0, snowflake } };
  }

  async function allRows({ db, tables: { messages: m } }: RepoContext) {
    return await db.q.select().from(m).orderBy(asc(m.conversationId), asc(m.seqId));
  }

  /** seq and message number grow by one from 1, in every conversation, and no identity is there twice (G2, G3). */
  function checkStream(rows: Awaited<ReturnType<typeof allRows>>): void {
    const last = new Map<string, bigint>();
    const identities = new Set<string>();
    for (const row of rows) {
      const expected = (last.get(row.conversationId) ?? 0n) + 1n;
      expect([row.seqId, row.messageNo]).toEqual([expected, expected]);
      last.set(row.conversationId, row.seqId);
      identities.add(JSON.stringify([row.conversationId, `${row.senderId}`, row.clientMsgId]));
    }
    expect(identities.size).toBe(rows.length);
  }

  /** What the outbox still owes covers exactly what is stored: nothing is forgotten between commit and push. */
  async function checkOutbox({ db, tables }: RepoContext, rows: Awaited<ReturnType<typeof allRows>>): Promise<void> {
    const owed = (await db.q.select().from(tables.outbox)).flatMap((row) => unpackRanges(row.ranges));
    const seqs = owed.flatMap((range) => {
      const count = Number(range.toSeq - range.fromSeq) + 1;
      return Array.from({ length: count }, (_, at) => `${range.conversationId} ${range.fromSeq + BigInt(at)}`);
    });
    expect(seqs.sort()).toEqual(rows.map((row) => `${row.conversationId} ${row.seqId}`).sort());
  }

  test("G1–G3: any batches with repeats, refusals and crashes leave contiguous, unique, stable streams", async () => {
    await fc.assert(
      fc.asyncProperty(rounds, async (all) => {
        await using repo = await createTestRepo();
        const { context } = repo;
        const senders = await Promise.all(Array.from({ length: sendersMax }, () => repo.addUser()));
        const inside = senders.slice(0, -1);
        const groups = [await repo.addConversation(inside), await repo.addConversation(inside)];
        const conversations = [worldId, ...groups, "group_unknown"];
        /** Every id that was answered as stored, by identity. */
        const answered = new Map<string, string>();
        let prefix: string[] = [];

        for (const calls of all) {
          await Promise.all(
            calls.map(async ({ sends, crashAt }) => {
              const items = sends.map(
                (one): CommitItem => ({
                  messageId: context.ids.snowflake(),
                  conversationId: conversations[one.conversation] ?? "",
                  senderId: senders[one.sender] ?? 0n,
                  type: 1,
                  content: one.content,
                  clientMsgId: `c${one.clientId}`,
                  sendHash: new Bun.CryptoHasher("sha256").update(one.content).digest(),
                  extra: "",
                  meta: "",
                  replyToId: undefined,
                  mentions: [],
                  createdAtMs: 0,
                }),
              );
              const { results } = await createCommitter(crashing(context, crashAt)).commit(items);
              for (const [at, result] of results.entries()) {
                const { conversationId, senderId, clientMsgId, content } = items[at] as CommitItem;
                if (result.at !== "stored" && result.at !== "duplicate") continue;
                const identity = `${conversationId} ${senderId} ${clientMsgId}`;
                const ids = `${result.row.id} ${result.row.seqId}`;
                expect(answered.get(identity) ?? ids).toBe(ids);
                expect(result.row.content).toBe(content);
                answered.set(identity, ids);
              }
            }),
          );
          const rows = await allRows(context);
          checkStream(rows);
          const stream = rows.map((row) => `${row.conversationId} ${row.seqId} ${row.id}`);
          expect(prefix.every((row) => stream.includes(row))).toBe(true);
          prefix = stream;
        }

        const rows = await allRows(context);
        const stored = new Map(rows.map((row) => [`${row.conversationId} ${row.senderId} ${row.clientMsgId}`, row]));
        for (const [identity, ids] of answered) {
          const row = stored.get(identity);
          expect(`${row?.id} ${row?.seqId}`).toBe(ids);
        }
        expect(rows.every((row) => row.conversationId === worldId || inside.includes(row.senderId))).toBe(true);
        await checkOutbox(context, rows);
      }),
      { numRuns: 40 },
    );
  }, 30_000);
}
