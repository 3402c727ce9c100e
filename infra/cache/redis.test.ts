import { describe, expect, test } from "bun:test";
import { CacheUnavailableError, WrongTypeError } from "./cache.ts";
import { translate } from "./redis-errors.ts";
import { besideKey, slotOf, slotsTotal } from "./redis-slot.ts";
import { createWaits } from "./redis-waits.ts";

describe("slots of a cluster", () => {
  test("are those of the cluster specification; only the part in braces counts", () => {
    expect(slotOf("123456789")).toBe(0x31c3);
    expect(slotOf("{user1000}.following")).toBe(slotOf("{user1000}.followers"));
    expect(slotOf("foo{}{bar}")).not.toBe(slotOf("bar"));
    expect(slotOf("foo{{bar}}zap")).toBe(slotOf("{bar"));
    for (let at = 0; at < 1000; at += 1) expect(slotOf(`k${at}`)).toBeWithin(0, slotsTotal);
  });

  test("a lease lies in the slot of its key, with and without braces", () => {
    for (const key of ["dev:user:info:7", "dev:a{7}b", "dev:ü:{x"])
      expect(slotOf(besideKey("dev:", "lease:", key))).toBe(slotOf(key));
    expect(besideKey("dev:", "lease:", "dev:user:info:7")).not.toBe(besideKey("dev:", "lease:", "dev:user:info:8"));
  });
});

describe("errors of the driver", () => {
  const reply = (message: string): Error => Object.assign(new Error(message), { name: "ReplyError" });

  test("what a server cannot serve now, and a lost connection, is an unavailable cache", () => {
    for (const error of [
      reply("READONLY You can't write against a read only replica."),
      reply("LOADING x"),
      reply("OOM x"),
      new Error("Connection is closed."),
    ])
      expect(translate(error, "here:1")).toBeInstanceOf(CacheUnavailableError);
  });

  test("an error of the program stays one", () => {
    expect(translate(reply("WRONGTYPE Operation against a key"), "here:1")).toBeInstanceOf(WrongTypeError);
    expect(translate(reply("ERR value is not an integer or out of range"), "here:1")).toBeInstanceOf(WrongTypeError);
    const script = reply("ERR user_script:1: attempt to index nil");
    expect(translate(script, "here:1")).toBe(script);
  });
});

describe("waits for answers", () => {
  test("what is answered in time is passed on; what is late rejects once, and is told once for all", async () => {
    let late = 0;
    const waits = createWaits(20, () => {
      late += 1;
    });
    expect(await waits.guard(Promise.resolve(1))).toBe(1);
    const never = new Promise<never>(() => {});
    const results = await Promise.allSettled([
      waits.guard(never),
      waits.guard(never),
      waits.guard(Promise.reject(new Error("own"))),
    ]);
    expect(results.map((one) => (one.status === "rejected" ? one.reason.name : "")).join()).toBe(
      "CacheUnavailableError,CacheUnavailableError,Error",
    );
    expect(late).toBe(1);
    waits.close();
  });
});
