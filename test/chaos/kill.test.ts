import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createChecker } from "../../bench/checker/checker.ts";
import { type ServerProcess, startServer } from "../../bench/server-process.ts";
import { type Account, createApi, newAccount, newGuest } from "../support/api.ts";
import { lastSeqs, newConversation, readPrefixes, seeded } from "../support/load.ts";
import { until } from "../support/socket.ts";
import { createTalker, type Talker } from "../support/talker.ts";

const rounds = 20;
/** A round lives this long, ms, before the process is killed; drawn anew each time. */
const lifeMs = { min: 60, max: 900 };
const settings = { "ratelimit.enabled": "false" };

let data = "";
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "gochat-chaos-"));
});
afterAll(() => rm(data, { recursive: true, force: true }));

test(`G1, G2, G3: ${rounds} times kill -9 under load, restart: every acked message is there once, in order, with the ids of its ack`, async () => {
  const seed = Number(process.env.CHAOS_SEED ?? Date.now() % 1_000_000);
  console.log(`CHAOS_SEED=${seed} repeats this run`);
  const random = seeded(seed);
  const checker = createChecker();
  let server: ServerProcess = await startServer({ data, settings });
  const port = Number(new URL(server.url).port);
  const api = createApi(server.url);
  const people: Account[] = [await newAccount(api), await newAccount(api), await newGuest(api)];
  const [ann, ben] = people as [Account, Account, Account];
  const single = await newConversation(server.url, ann, { type: 1, members: [ben.userId] });
  const group = await newConversation(server.url, ann, { type: 2, name: "chaos", members: [ben.userId] });
  const rooms = ["world", single, group];
  const talkers: Talker[] = people.map((person, index) =>
    createTalker({ urls: [server.url], person, rooms: index < 2 ? rooms : ["world"], checker, random }),
  );

  for (let round = 0; round < rounds; round += 1) {
    for (const talker of talkers) talker.start();
    await Bun.sleep(lifeMs.min + random() * (lifeMs.max - lifeMs.min));
    await server.kill();
    await Promise.all(talkers.map((talker) => talker.paused()));
    server = await startServer({ data, port, settings });
    await readPrefixes(server.url, ann, rooms, checker);
  }

  for (const talker of talkers) talker.start();
  await Promise.all(talkers.map((talker) => talker.finish()));
  await readPrefixes(server.url, ann, rooms, checker);
  for (const talker of talkers) {
    await until("every row is on every device", async () => {
      await talker.sync();
      return talker.complete(await lastSeqs(server.url, ann, rooms));
    });
    talker.expectAll(await lastSeqs(server.url, ann, rooms));
  }
  const verdict = checker.verdict();
  for (const talker of talkers) talker.close();
  await server.stop();
  console.log(`sent ${verdict.sent}, acked ${verdict.acked}`);
  expect(verdict.violations).toEqual([]);
  expect(verdict).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, missed: 0 });
  expect(verdict.acked).toBe(verdict.sent);
  expect(verdict.sent).toBeGreaterThan(rounds * 5);
}, 600_000);
