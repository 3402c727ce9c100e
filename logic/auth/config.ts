import { type ConfigOf, section } from "#infra/config/config.ts";
import { duration, int, string } from "#infra/config/keys.ts";
import type { TokenLives } from "./tokens.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** Section `jwt` of logic (spec 60 §13). The private keys are here only. */
export const jwtSection = section(
  {
    keyFile: string({
      default: "jwt-keys.json",
      doc: "file of the signing keys, made when it is missing; relative to the data folder",
    }),
    accessTtl: duration({ default: day, min: minute, max: 7 * day, doc: "life of an access token" }),
    refreshTtl: duration({ default: 30 * day, min: hour, max: 365 * day, doc: "life of a refresh token" }),
    guestAccessTtl: duration({ default: hour, min: minute, max: 7 * day, doc: "life of a guest's access token" }),
    guestRefreshTtl: duration({ default: day, min: hour, max: 365 * day, doc: "life of a guest's refresh token" }),
  },
  (jwt) =>
    jwt.accessTtl <= jwt.refreshTtl && jwt.guestAccessTtl <= jwt.guestRefreshTtl
      ? undefined
      : "no access token may outlive its refresh token",
);

/** Section `password` of logic: what hashing may take from the machine. */
export const passwordSection = section({
  hashesMax: int({ default: 4, min: 1, max: 64, doc: "passwords hashed at a time, 100 ms of a core and 19 MiB each" }),
  hashesWaitingMax: int({ default: 64, min: 0, max: 1000, doc: "sign-ups that may wait for that; the next get 503" }),
});

export type JwtConfig = ConfigOf<typeof jwtSection>;
export type PasswordConfig = ConfigOf<typeof passwordSection>;

/** Token lives in whole seconds. */
export function tokenLives(jwt: JwtConfig): TokenLives {
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  return {
    accessTtlSeconds: seconds(jwt.accessTtl),
    refreshTtlSeconds: seconds(jwt.refreshTtl),
    guestAccessTtlSeconds: seconds(jwt.guestAccessTtl),
    guestRefreshTtlSeconds: seconds(jwt.guestRefreshTtl),
  };
}
