import type { ServiceImpl } from "@connectrpc/connect";
import { CacheUnavailableError } from "#infra/cache/cache.ts";
import { AppError } from "#proto/errors.ts";
import type { SessionService } from "#proto/gen/gochat/repo/v1/session_service_pb.ts";
import { lockoutLimits, loginFailureKeys } from "#proto/login-failures.ts";
import type { RepoContext } from "../context.ts";
import { checkText, invalid } from "./arguments.ts";

const usernameCharsMax = 200;
const ipCharsMax = 64;

/** The counters by which logic locks sign-ins, for tools and for entrances that check passwords elsewhere. Errors:
 *  INVALID_PARAMETER; SERVICE_UNAVAILABLE while the cache is away. */
export function loginFailureMethods({
  cache,
}: Pick<RepoContext, "cache">): Pick<ServiceImpl<typeof SessionService>, "recordLoginFailure" | "clearLoginFailures"> {
  async function needCache<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CacheUnavailableError)) throw error;
      throw new AppError("SERVICE_UNAVAILABLE", { cause: error });
    }
  }

  return {
    async recordLoginFailure({ username, ip }) {
      const keys = keysOf(username, ip);
      const ttl = { ttlMs: lockoutLimits.windowMs };
      const [userIpCount, ipCount] = await needCache(() =>
        Promise.all([cache.incr(keys.pair, ttl), cache.incr(keys.ip, ttl)]),
      );
      return { userIpCount, ipCount };
    },

    /** Forgets those of the name from the address; the address's own stay, or any account would clear them for guesses at
     *  others. */
    async clearLoginFailures({ username, ip }) {
      await needCache(() => cache.del([keysOf(username, ip).pair]));
      return { success: true };
    },
  };
}

function keysOf(username: string, ip: string) {
  if (username === "") throw invalid("username");
  if (ip === "") throw invalid("ip");
  checkText(username, "username", usernameCharsMax);
  checkText(ip, "ip", ipCharsMax);
  return loginFailureKeys(username, ip);
}
