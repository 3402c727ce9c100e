import { expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { type UpstreamMessage, UpstreamMessageSchema } from "#proto/gen/gochat/mq/v1/upstream_pb.ts";
import { createUpstreamJoin, type JoinedSends } from "./upstream-join.ts";

const sendsOf = (...names: string[]): UpstreamMessage[] =>
  names.map((clientMsgId) => create(UpstreamMessageSchema, { clientMsgId }));
const namesOf = (sends: readonly UpstreamMessage[]): string => sends.map(({ clientMsgId }) => clientMsgId).join(" ");

/** A join whose commits wait for their `finish`; the outcome of a send is its name. */
function createTestJoin(options: { messagesMax?: number; patienceMs?: number; isOwnFault?: boolean } = {}) {
  const commits: { names: string; parent: string | undefined; finish(error?: Error): void }[] = [];
  let told = (): void => undefined;
  const join = createUpstreamJoin<JoinedSends, string>(
    { messagesMax: options.messagesMax ?? 10, bytesMax: 1000, commitsMax: 2, patienceMs: options.patienceMs ?? 60_000 },
    {
      sizeOf: () => 1,
      commit(joined) {
        const { promise, resolve, reject } = Promise.withResolvers<JoinedSends>();
        const finish = (error?: Error): void => (error === undefined ? resolve(joined) : reject(error));
        commits.push({ names: namesOf(joined.sends), parent: joined.parent, finish });
        told();
        return promise;
      },
      deliver: async ({ sends }) => sends.map(({ clientMsgId }) => clientMsgId),
      isOwnFault: () => options.isOwnFault ?? false,
    },
  );
  async function begun(count: number): Promise<string[]> {
    while (commits.length < count) {
      await new Promise<void>((resolve) => {
        told = resolve;
      });
    }
    return commits.map(({ names }) => names);
  }
  return { join, commits, begun };
}

test("what partitions bring in one turn is one commit, and each gets its own outcomes", async () => {
  const { join, commits, begun } = createTestJoin();
  const first = join.handle(sendsOf("a", "b"), undefined);
  const second = join.handle(sendsOf("c"), "trace");
  expect(await begun(1)).toEqual(["a b c"]);
  expect(commits[0]?.parent).toBe("trace");
  commits[0]?.finish();
  expect(await first).toEqual(["a", "b"]);
  expect(await second).toEqual(["c"]);
});

test("one commit is in flight: what comes meanwhile is the next one, within its bound", async () => {
  const { join, commits, begun } = createTestJoin({ messagesMax: 3 });
  void join.handle(sendsOf("a"), undefined);
  await begun(1);
  void join.handle(sendsOf("b", "c"), undefined);
  void join.handle(sendsOf("d"), undefined);
  void join.handle(sendsOf("e"), undefined);
  await new Promise((resolve) => setImmediate(resolve));
  expect(commits.length).toBe(1);
  commits[0]?.finish();
  expect(await begun(2)).toEqual(["a", "b c d"]);
  commits[1]?.finish();
  expect(await begun(3)).toEqual(["a", "b c d", "e"]);
});

test("a commit that waits for a lock holds up the others no longer than the patience", async () => {
  const { join, commits, begun } = createTestJoin({ patienceMs: 5 });
  void join.handle(sendsOf("stuck"), undefined);
  await begun(1);
  const other = join.handle(sendsOf("a"), undefined);
  expect(await begun(2)).toEqual(["stuck", "a"]);
  commits[1]?.finish();
  expect(await other).toEqual(["a"]);
});

test("an error of the request is found out partition by partition; any other is everybody's", async () => {
  const own = createTestJoin({ isOwnFault: true });
  const bad = own.join.handle(sendsOf("bad"), undefined);
  const good = own.join.handle(sendsOf("good"), undefined);
  await own.begun(1);
  own.commits[0]?.finish(new Error("malformed"));
  await own.begun(2);
  own.commits[1]?.finish(new Error("malformed"));
  expect(await own.begun(3)).toEqual(["bad good", "bad", "good"]);
  own.commits[2]?.finish();
  expect(await good).toEqual(["good"]);
  expect(await bad.catch(String)).toContain("malformed");

  const away = createTestJoin();
  const both = [away.join.handle(sendsOf("a"), undefined), away.join.handle(sendsOf("b"), undefined)];
  await away.begun(1);
  away.commits[0]?.finish(new Error("away"));
  for (const { reason } of (await Promise.allSettled(both)) as PromiseRejectedResult[]) {
    expect(String(reason)).toContain("away");
  }
  expect(away.commits.length).toBe(1);
});
