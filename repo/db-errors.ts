import type { Logger } from "#infra/clog/clog.ts";
import type { Dialect } from "#infra/db/dialect.ts";
import { DbError } from "#infra/db/errors.ts";
import type { RpcService } from "#infra/rpc/rpc.ts";
import { AppError, isAppError } from "#proto/errors.ts";

/** A database that is away or busy is SERVICE_UNAVAILABLE to callers. Its other errors become DbError, without the values that
 *  the query layer puts into its own; everything else stays as it is. */
function toCallerError(error: unknown, dialect: Dialect, clog: Logger): unknown {
  if (isAppError(error)) return error;
  const known = dialect.classify(error);
  if (!(known instanceof DbError) || known.kind !== "unavailable") return known;
  clog.warn("the database did not answer a call", { err: known });
  return new AppError("SERVICE_UNAVAILABLE", { cause: known });
}

type Method = (...args: unknown[]) => unknown;

function guarded(method: Method, dialect: Dialect, clog: Logger): Method {
  return async (...args) => {
    try {
      return await method(...args);
    } catch (error) {
      throw toCallerError(error, dialect, clog);
    }
  };
}

/** The service with every method's errors translated. Its methods are unary and need no `this`. */
export function withDbErrors({ service, impl }: RpcService, dialect: Dialect, clog: Logger): RpcService {
  const wrapped: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(impl)) {
    wrapped[name] = typeof method === "function" ? guarded(method as Method, dialect, clog) : method;
  }
  return { service, impl: wrapped };
}
