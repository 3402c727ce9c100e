import type { ServiceImpl } from "@connectrpc/connect";
import { CacheUnavailableError } from "#infra/cache/cache.ts";
import { AppError } from "#proto/errors.ts";
import type { IdempotencyService } from "#proto/gen/gochat/repo/v1/idempotency_service_pb.ts";
import { isPrintableAscii, utf8Bytes } from "#proto/limits.ts";
import type { RepoContext } from "../context.ts";
import { invalid } from "./arguments.ts";

const keyCharsMax = 200;
const valueBytesMax = 4096;
/** Thirty days. */
const ttlSecondsMax = 30n * 86_400n;
/** The present value may end between the two questions. */
const attemptsMax = 3;

/** gochat.repo.v1.IdempotencyService, for callers without a cache of their own; services use `infra/once`. Errors:
 *  INVALID_PARAMETER; SERVICE_UNAVAILABLE while the cache is away. */
export function idempotencyService({ cache }: Pick<RepoContext, "cache">): ServiceImpl<typeof IdempotencyService> {
  return {
    async checkOrSet({ key, value, ttl }) {
      if (!isPrintableAscii(key, keyCharsMax)) throw invalid("key");
      if (utf8Bytes(value) > valueBytesMax) throw invalid("value");
      if (ttl < 1n || ttl > ttlSecondsMax) throw invalid("ttl");
      // Apart from the marks of `once`, which have a form of their own.
      const path = `idempotent:rpc:${key}`;
      try {
        for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
          if (await cache.setNX(path, value, { ttlMs: Number(ttl) * 1000 })) return { set: true };
          const existingValue = await cache.get(path);
          if (existingValue !== undefined) return { set: false, existingValue };
        }
      } catch (error) {
        if (!(error instanceof CacheUnavailableError)) throw error;
        throw new AppError("SERVICE_UNAVAILABLE", { cause: error });
      }
      throw new AppError("SERVICE_UNAVAILABLE");
    },
  };
}
