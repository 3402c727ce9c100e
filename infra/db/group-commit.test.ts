import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { DbError } from "./errors.ts";
import { createGroupCommit } from "./group-commit.ts";

function open() {
  const client = new Database(":memory:");
  client.run("PRAGMA foreign_keys = ON");
  client.run("CREATE TABLE parent (id INTEGER PRIMARY KEY)");
  client.run("CREATE TABLE child (of INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)");
  return { client, group: createGroupCommit(client, 100) };
}

const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "stored",
    (error: unknown) => (error instanceof DbError ? error.kind : error),
  );

test("a COMMIT that fails rejects every body of it as unavailable, and stores none", async () => {
  const { client, group } = open();
  const good = outcome(group.add(() => client.run("INSERT INTO parent VALUES (1)")));
  // A deferred key is checked by COMMIT alone.
  const bad = outcome(group.add(() => client.run("INSERT INTO child VALUES (99)")));
  expect(await Promise.all([good, bad])).toEqual(["unavailable", "unavailable"]);
  expect(client.query("SELECT count(*) AS n FROM parent").get()).toEqual({ n: 0 });
  expect(await outcome(group.add(() => client.run("INSERT INTO parent VALUES (1)")))).toBe("stored");
});

test("a body that ends the whole transaction takes the earlier ones with it; later ones are stored", async () => {
  const { client, group } = open();
  const results = [
    outcome(group.add(() => client.run("INSERT INTO parent VALUES (1)"))),
    outcome(
      group.add(() => {
        client.run("ROLLBACK");
        throw new Error("the disk is full");
      }),
    ),
    outcome(group.add(() => client.run("INSERT INTO parent VALUES (3)"))),
  ];
  const [first, second, third] = await Promise.all(results);
  expect([first, third]).toEqual(["unavailable", "stored"]);
  expect(second).toBeInstanceOf(Error);
  expect(client.query("SELECT id FROM parent").all()).toEqual([{ id: 3 }]);
});

test("a body alone in its commit is undone as a whole when it throws, and what it threw comes back", async () => {
  const { client, group } = open();
  const wrong = new Error("no");
  const alone = group.add(() => {
    client.run("INSERT INTO parent VALUES (1)");
    throw wrong;
  });
  expect(await outcome(alone)).toBe(wrong);
  expect(client.inTransaction).toBe(false);
  expect(client.query("SELECT count(*) AS n FROM parent").get()).toEqual({ n: 0 });
  const ended = group.add(() => client.run("ROLLBACK"));
  expect(await outcome(ended)).toBe("unavailable");
  expect(await outcome(group.add(() => client.run("INSERT INTO parent VALUES (2)")))).toBe("stored");
});

test("exclusive work holds the bodies back; closing runs those that wait and refuses new ones", async () => {
  const { client, group } = open();
  let during = 0;
  const stored = outcome(group.add(() => client.run("INSERT INTO parent VALUES (1)")));
  await group.exclusive(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    during = group.stats().waiting;
  });
  expect(during).toBe(1);
  await group.close();
  expect(await stored).toBe("stored");
  expect(await outcome(group.add(() => 1))).toBe("unavailable");
});
