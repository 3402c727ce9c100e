import { describe, expect, test } from "bun:test";
import type { MessageJson as Message } from "#proto/objects.ts";
import type { HistoryQuery } from "./api.ts";
import { createManualClock } from "./clock.ts";
import { ClientError } from "./errors.ts";
import { createHistory } from "./history.ts";

const message = (seqId: number, more: Partial<Message> = {}): Message => ({
  id: String(1_000 + seqId),
  conversationId: "c",
  senderId: "1",
  messageType: 1,
  content: `text ${seqId}`,
  seqId,
  deleted: false,
  kind: "message",
  createdAt: 1_700_000_000 + seqId,
  ...more,
});

/** Answers history as spec 10 §1 says, from `total` messages; `fail` makes the next requests fail. */
function setup(options: { onDemand?: boolean; savedMark?: number } = {}) {
  const server = {
    total: 120,
    fail: 0,
    code: "NETWORK_ERROR",
    asked: [] as HistoryQuery[],
    /** An answer that is ready waits for it. */
    hold: undefined as Promise<void> | undefined,
  };
  const clock = createManualClock();
  const rows: number[] = [];
  const history = createHistory({
    clock,
    random: () => 0.5,
    onChange: () => undefined,
    onRow: (row) => rows.push(row.seqId),
    me: () => "1",
    onDemand: () => options.onDemand ?? false,
    ...(options.savedMark === undefined ? {} : { savedMark: () => options.savedMark }),
    api: {
      history: async (_id, query) => {
        server.asked.push(query);
        if (server.fail > 0) {
          server.fail--;
          throw new ClientError(server.code);
        }
        const limit = "after" in query ? (query.limit ?? 50) : 50;
        const to =
          "after" in query
            ? Math.min(server.total, query.after + limit)
            : "before" in query
              ? query.before - 1
              : server.total;
        const from = "after" in query ? query.after + 1 : Math.max(1, to - limit + 1);
        const list = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => message(from + i));
        const hasMore = "after" in query ? to < server.total : from > 1;
        const answer = { rows: list, completeFrom: from, completeTo: to, latest: server.total, hasMore };
        await server.hold;
        return answer;
      },
    },
  });
  return { server, clock, history, rows };
}
const settle = async () => {
  for (let i = 0; i < 60; i++) await Promise.resolve();
};

describe("history (spec 20 §6)", () => {
  test("opens at the newest page and scrolls back to the first message", async () => {
    const { history } = setup();
    const view = history.open("c");
    await settle();
    expect([view.timeline.floor(), view.timeline.mark()]).toEqual([71, 120]);
    await view.loadOlder();
    expect(view.timeline.floor()).toBe(21);
    expect(view.hasOlder()).toBe(true);
    await view.loadOlder();
    expect([view.timeline.floor(), view.hasOlder()]).toEqual([1, false]);
  });

  test("a hole is fetched after 500 ms, and not when the missing rows arrive before", async () => {
    const { history, server, clock } = setup();
    const view = history.open("c");
    await settle();
    server.total = 125;
    history.push(message(123));
    clock.advance(499);
    await settle();
    expect(server.asked.length).toBe(1);
    clock.advance(1);
    await settle();
    expect(server.asked[1]).toEqual({ after: 120, limit: 2 });
    expect(view.timeline.mark()).toBe(125);
  });

  test("a hole of the world waits until somebody looks at it", async () => {
    const { history, server, clock } = setup({ onDemand: true });
    const view = history.open("c");
    await settle();
    server.total = 140;
    history.announce("c", 139);
    history.push(message(140));
    clock.advance(60_000);
    await settle();
    expect(server.asked.length).toBe(1);
    const hole = view.timeline.holes()[0];
    if (hole === undefined) throw new Error("no hole");
    await view.loadHole(hole);
    expect(view.timeline.mark()).toBe(140);
  });

  test("a failed fetch of a hole is tried again with back-off", async () => {
    const { history, server, clock } = setup();
    const view = history.open("c");
    await settle();
    server.total = 122;
    server.fail = 1;
    history.announce("c", 122);
    clock.advance(500);
    await settle();
    expect(view.timeline.mark()).toBe(120);
    clock.advance(1_000);
    await settle();
    expect(view.timeline.mark()).toBe(122);
  });

  test("a failed first page shows its code and is tried again on request", async () => {
    const { history, server } = setup();
    server.fail = 1;
    const view = history.open("c");
    await settle();
    expect(view.loading()).toEqual({ at: "failed", code: "NETWORK_ERROR" });
    await view.loadNewest();
    expect(view.timeline.mark()).toBe(120);
  });

  test("far behind after a reconnect: the newest page first, the rest is a hole", async () => {
    const { history, server } = setup({ onDemand: true });
    const view = history.open("c");
    await settle();
    server.total = 1_000;
    history.announce("c", 1_000);
    history.catchUp("c");
    await settle();
    expect(view.timeline.rows().at(-1)?.seqId).toBe(1_000);
    expect(view.timeline.holes()).toEqual([{ from: 121, to: 950 }]);
  });

  test("what is asked for while a page is on its way is fetched after it: the page was read before", async () => {
    for (const onDemand of [false, true]) {
      const { history, server } = setup({ onDemand });
      const { promise, resolve } = Promise.withResolvers<void>();
      server.hold = promise;
      const view = history.open("c");
      await settle();
      server.total = 130;
      history.announce("c", 130);
      history.catchUp("c");
      history.catchUp("c");
      await settle();
      expect(server.asked.length).toBe(1);
      resolve();
      await settle();
      expect(view.timeline.mark()).toBe(130);
    }
  });

  test("refused for now while it catches up (RATE_LIMITED): asks again with back-off, the world too", async () => {
    for (const [onDemand, total] of [
      [false, 1_000],
      [true, 1_000],
      [true, 130],
      [false, 130],
    ] as const) {
      const { history, server, clock } = setup({ onDemand });
      const view = history.open("c");
      await settle();
      server.total = total;
      server.fail = 2;
      server.code = "RATE_LIMITED";
      history.announce("c", total);
      history.catchUp("c");
      await settle();
      expect(view.timeline.rows().at(-1)?.seqId).toBe(120);
      clock.advance(1_000);
      await settle();
      clock.advance(2_000);
      await settle();
      expect(view.timeline.rows().at(-1)?.seqId).toBe(total);
    }
  });

  test("refused for good while it catches up: the user is told, nothing is asked again", async () => {
    const { history, server, clock } = setup();
    server.fail = 100;
    server.code = "NOT_CONVERSATION_MEMBER";
    const view = history.open("c");
    await settle();
    history.catchUp("c");
    await settle();
    const asked = server.asked.length;
    clock.advance(600_000);
    await settle();
    expect([server.asked.length, view.loading()]).toEqual([asked, { at: "failed", code: "NOT_CONVERSATION_MEMBER" }]);
  });

  test("from a saved mark every row above it is fetched, in order", async () => {
    const { history, rows } = setup({ savedMark: 10 });
    history.open("c");
    history.announce("c", 120);
    history.catchUp("c");
    await settle();
    expect(rows).toEqual(Array.from({ length: 110 }, (_, i) => 11 + i));
  });

  test("a recall shows on the loaded message", async () => {
    const { history } = setup();
    const view = history.open("c");
    await settle();
    history.push(message(121, { kind: "change", changeType: "recall", targetSeqId: 120 }));
    expect(view.timeline.rows().find((row) => row.seqId === 120)).toMatchObject({ deleted: true, content: "" });
  });

  test("G4: twenty conversations keep their rows, the one used longest ago is let go", async () => {
    const { history } = setup();
    for (let i = 0; i < 25; i++) history.open(`c${i}`);
    expect(history.ids().length).toBe(20);
    expect(history.ids()[0]).toBe("c5");
  });
});
