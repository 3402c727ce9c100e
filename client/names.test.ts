import { expect, test } from "bun:test";
import { ClientError } from "./errors.ts";
import { createNames } from "./names.ts";

const settle = async () => {
  for (let at = 0; at < 30; at++) await Promise.resolve();
};

test("who passed by is known; the others are asked for once each, a few at a time", async () => {
  const asked: string[] = [];
  let told = 0;
  let most = 0;
  let now = 0;
  const names = createNames({
    call: async ({ path }) => {
      asked.push(path);
      most = Math.max(most, ++now);
      await Promise.resolve();
      now--;
      if (path === "/users/13") throw new ClientError("USER_NOT_FOUND");
      return { id: path.slice(7), username: `user${path.slice(7)}`, isGuest: false, createdAt: 1 };
    },
    onChange: () => told++,
  });
  names.learn({ id: "2", username: "ben" });
  names.learn({ id: "3", username: "" });
  const ids = ["2", ...Array.from({ length: 10 }, (_, at) => String(at + 10))];
  names.ask(ids);
  names.ask(ids);
  await settle();
  expect(asked).toHaveLength(10);
  expect(most).toBe(4);
  expect(told).toBe(9);
  expect([names.get("2"), names.get("10"), names.get("13"), names.get("3")].map((one) => one?.username)).toEqual([
    "ben",
    "user10",
    undefined,
    undefined,
  ]);
});
