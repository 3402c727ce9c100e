import type { Logger } from "#infra/clog/clog.ts";
import { CoordUnavailableError } from "#infra/coord/coord.ts";
import { AppError } from "#proto/errors.ts";
import type { ListGateways } from "../context.ts";

/** `ListGateways`: who is registered, and how many sessions each had at its last report, up to a minute ago. For
 *  administration; delivery asks presence. Throws SERVICE_UNAVAILABLE where the registry cannot be asked. */
export function gatewayLister(gateways: ListGateways | undefined, clog: Logger) {
  return async () => {
    const all = await known(gateways, clog);
    return {
      gateways: all.map(({ id, metadata: { incarnation = "", sessions = "" } }) => ({
        gatewayId: id,
        incarnation,
        // What another version wrote may be anything.
        sessions: /^\d{1,9}$/.test(sessions) ? Number(sessions) : 0,
      })),
    };
  };
}

async function known(gateways: ListGateways | undefined, clog: Logger): ReturnType<ListGateways> {
  if (gateways === undefined) throw new AppError("SERVICE_UNAVAILABLE", { message: "no registry is known here" });
  try {
    return await gateways();
  } catch (error) {
    if (!(error instanceof CoordUnavailableError)) throw error;
    clog.warn("the gateways could not be listed", { err: error });
    throw new AppError("SERVICE_UNAVAILABLE", { cause: error });
  }
}
