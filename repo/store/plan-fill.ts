import { getTableName } from "drizzle-orm";
import { insertMany, run } from "#infra/db/steps.ts";
import type { TestRepo } from "../testing.ts";

const rowsAtOnce = 500;
const others = 2000;
const groups = 3000;
const membersEach = 2;
const messages = 4000;
/** Of the first of them. */
const busy = 300;
const friendsEach = 15;
const sessionsEach = 5;
const reactions = 2000;

/** Puts so much of other people into the tables that a planner has a reason to use indexes, and lets a server's count. Disposing empties
 *  them: on a server that takes too long for the test that comes next. */
export async function fillTables({ context }: TestRepo): Promise<AsyncDisposable> {
  const { db, tables: t, ids } = context;
  const times = { createdAt: 1_700_000_000_000, updatedAt: 1_700_000_000_000 };
  const users = Array.from({ length: others }, () => ids.snowflake());
  const user = (n: number): bigint => users[n % others] ?? 0n;
  const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
  const members = range(groups * membersEach).map((n) => ({
    id: ids.snowflake(),
    conversationId: `group_${Math.floor(n / membersEach) + 1}`,
    userId: user(n * 7),
    joinedAt: 1,
    ...times,
  }));

  async function insert<T extends Parameters<typeof insertMany>[0]>(
    table: T,
    rows: Parameters<typeof insertMany<T>>[1],
  ): Promise<void> {
    for (let at = 0; at < rows.length; at += rowsAtOnce) {
      await db.transaction(() => insertMany(table, rows.slice(at, at + rowsAtOnce)));
    }
  }
  await insert(
    t.users,
    users.map((id) => ({ id, username: `other_${id}`, usernameKey: `other_${id}`, passwordHash: "!", ...times })),
  );
  await insert(
    t.conversations,
    range(groups).map((n) => ({ id: `group_${n + 1}`, type: 2, name: "x", lastMessageAt: n, ...times })),
  );
  await insert(t.conversationMembers, members);
  await insert(
    t.userReadPointers,
    members.map(({ conversationId, userId }) => ({ id: ids.snowflake(), conversationId, userId, ...times })),
  );
  await insert(
    t.messages,
    range(messages).map((n) => {
      const seqId = BigInt(Math.floor(n / groups) + 1);
      const key = { conversationId: `group_${(n % groups) + 1}`, senderId: user(n), clientMsgId: `fill-${n}` };
      return { id: ids.snowflake(), ...key, content: "x".repeat(50), seqId, messageNo: seqId, ...times };
    }),
  );
  await insert(
    t.messageReactions,
    range(reactions).map((n) => ({
      messageId: ids.snowflake(),
      userId: user(n),
      emoji: "+",
      conversationId: `group_${n + 1}`,
      ...times,
    })),
  );
  await insert(
    t.friendshipRequests,
    range(busy * friendsEach).map((n) => {
      const [requesterId, targetId] = [
        user(Math.floor(n / friendsEach)),
        user(Math.floor(n / friendsEach) + 1 + (n % friendsEach)),
      ];
      return { id: ids.snowflake(), requesterId, targetId, status: n % 4, ...times };
    }),
  );
  await insert(
    t.userSessions,
    users.slice(0, busy).flatMap((userId) =>
      range(sessionsEach).map(() => {
        const token = {
          refreshHash: `${Bun.randomUUIDv7()}-${Bun.randomUUIDv7()}`.slice(0, 64).padEnd(64, "0"),
          refreshClaims: "{}",
        };
        return { id: Bun.randomUUIDv7(), userId, ...token, expiresAt: 2_000_000_000_000, lastSeenAt: 1, ...times };
      }),
    ),
  );
  await insert(
    t.conversationRemovals,
    members
      .slice(0, messages)
      .map(({ conversationId, userId }) => ({ conversationId, userId, seqId: 1n, removedAt: 1, ...times })),
  );
  await db.script(async (execute) => {
    const names = Object.values(t).map(getTableName);
    if (db.dialect.name === "mysql") for (const name of names) await execute(`analyze table ${name}`);
    // Nobody counts on SQLite in operation either.
    else if (db.dialect.name === "postgres") await execute("analyze");
  });
  return {
    async [Symbol.asyncDispose]() {
      for (const table of Object.values(t)) await db.transaction((tx) => run(tx.q.delete(table)));
    },
  };
}
