import { randomBytes } from "node:crypto";
import { type Bulkhead, BulkheadFullError } from "#infra/breaker/bulkhead.ts";
import { AppError } from "#proto/errors.ts";

/** The present form of a password hash (spec 10 §2): argon2id, 19 MiB, t = 2, p = 1. */
const argon = { algorithm: "argon2id", memoryCost: 19_456, timeCost: 2 } as const;
const presentForm = /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/;
const knownForm = /^\$(?:argon2(?:id|i|d)|2[aby])\$/;

/** In the place of a password: an account without one (guests). No password matches it. */
export const noPassword = "!";

/** The hash that is checked when there is none to check, so that an unknown name costs what a wrong password costs. Made
 *  once, from random bytes that are forgotten at once: nothing matches it. */
let dummy: Promise<string> | undefined;

export interface Passwords {
  /** True when `password` belongs to `hash`. Takes its full time also for `undefined` and for `noPassword`. */
  verify(password: string, hash: string | undefined): Promise<boolean>;
  hash(password: string): Promise<string>;
  /** True for an imported hash that should be replaced after a successful sign-in. */
  isOutdated(hash: string): boolean;
}

/** Every check is about 100 ms of one core and 19 MiB: `bulkhead` bounds how many run and wait. Past it: SERVICE_UNAVAILABLE. */
export function createPasswords(bulkhead: Bulkhead): Passwords {
  async function bounded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await bulkhead.run(work);
    } catch (error) {
      if (error instanceof BulkheadFullError) throw new AppError("SERVICE_UNAVAILABLE", { cause: error });
      throw error;
    }
  }

  return {
    verify(password, hash) {
      const usable = hash !== undefined && knownForm.test(hash);
      return bounded(async () => {
        dummy ??= Bun.password.hash(randomBytes(32).toString("hex"), argon);
        const against = usable ? hash : await dummy;
        const matches = await Bun.password.verify(password, against).catch(() => false);
        return matches && usable;
      });
    },
    hash: (password) => bounded(() => Bun.password.hash(password, argon)),
    isOutdated: (hash) => !presentForm.test(hash),
  };
}
