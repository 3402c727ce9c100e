import { type Checker, createChecker, type Verdict } from "../../bench/checker/checker.ts";
import { type Account, createApi, newAccount, newGuest, wholeHistory } from "./api.ts";
import { until } from "./socket.ts";
import { createTalker, type Talker } from "./talker.ts";

/** People who talk in the world, a single chat and a group over several gateways, and the checker that listens. */
export interface Load extends Disposable {
  readonly talkers: readonly Talker[];
  /** One of them, a member of every conversation. */
  readonly person: Account;
  /** Messages acked so far. */
  acked(): number;
  /** Resolves when `more` further messages have been acked. */
  flows(more: number, timeoutMs?: number): Promise<void>;
  /** Ends the talk, waits for every ack and until every device has every row. Answers the verdict. */
  settle(): Promise<Verdict>;
}

/** Between two messages of one person, ms. */
const everyMs = 60;
const settleMs = 60_000;
/** Between two syncs of one device at the end, ms: fewer than the limit of a connection. */
const syncEveryMs = 500;

/** Four people: at every gateway someone of each conversation. Talks from the start. */
export async function startLoad(urls: readonly string[], random: () => number): Promise<Load> {
  const checker = createChecker();
  const turned = [...urls.slice(1), ...urls.slice(0, 1)];
  const api = createApi(urls[0] ?? "");
  const [ann, ben, cid, guest] = await Promise.all([newAccount(api), newAccount(api), newAccount(api), newGuest(api)]);
  const single = await newConversation(urls[0] ?? "", ann, { type: 1, members: [ben.userId] });
  const group = await newConversation(urls[0] ?? "", ann, {
    type: 2,
    name: "load",
    members: [ben.userId, cid.userId],
  });
  const rooms = ["world", single, group];
  const talker = (person: Account, own: readonly string[], gateways: readonly string[]): Talker =>
    createTalker({ urls: gateways, person, rooms: own, checker, random, everyMs, reconnects: true });
  const talkers = [
    talker(ann, rooms, urls),
    talker(ben, rooms, turned),
    talker(cid, ["world", group], turned),
    talker(guest, ["world"], urls),
  ];
  for (const one of talkers) one.start();
  const acked = (): number => talkers.reduce((all, one) => all + one.acked, 0);
  return {
    talkers,
    person: ann,
    acked,
    async flows(more, timeoutMs = settleMs) {
      const wanted = acked() + more;
      await until(`${more} more acks, ${acked()} before`, () => acked() >= wanted, timeoutMs);
    },
    async settle() {
      await Promise.all(talkers.map((one) => one.finish()));
      const url = urls[0] ?? "";
      await readPrefixes(url, ann, rooms, checker);
      const last = await lastSeqs(url, ann, rooms);
      for (const one of talkers) {
        await until(
          "every row is on every device",
          async () => {
            if (one.complete(last)) return true;
            await one.sync();
            if (one.complete(last)) return true;
            await Bun.sleep(syncEveryMs);
            return false;
          },
          settleMs,
        );
        one.expectAll(last);
      }
      return checker.verdict();
    },
    [Symbol.dispose]() {
      for (const one of talkers) one.close();
    },
  };
}

/** Mulberry32: the same seed gives the same run. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export async function newConversation(url: string, owner: Account, body: unknown): Promise<string> {
  const { data, status } = await createApi(url).call<{ id: string }>("POST", "/conversations", body, owner.accessToken);
  if (status !== 201) throw new Error(`create conversation: ${status}`);
  return data.id;
}

/** Reads every history; the checker compares it with what it was before: a stable prefix. */
export async function readPrefixes(
  url: string,
  reader: Account,
  rooms: readonly string[],
  checker: Checker,
): Promise<void> {
  for (const room of rooms) {
    const rows = await wholeHistory(createApi(url), room, reader.accessToken);
    checker.history(
      room,
      rows.map(({ id, seqId, senderId, clientMsgId }) => ({ id, seqId, senderId, clientMsgId: clientMsgId ?? "" })),
    );
  }
}

export async function lastSeqs(url: string, reader: Account, rooms: readonly string[]): Promise<Map<string, number>> {
  const last = new Map<string, number>();
  for (const room of rooms) {
    const path = `/conversations/${room}/messages?limit=1`;
    const { data } = await createApi(url).call<{ latestSeqId: number }>("GET", path, undefined, reader.accessToken);
    last.set(room, data.latestSeqId);
  }
  return last;
}
