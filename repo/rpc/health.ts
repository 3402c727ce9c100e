import type { ServiceImpl } from "@connectrpc/connect";
import { type Health, HealthCheckResponse_ServingStatus as Status } from "#proto/gen/grpc/health/v1/health_pb.ts";
import type { RepoContext } from "../context.ts";

/** grpc.health.v1.Health: serving while the database answers. Streams of changes are not offered. */
export function healthService(context: Pick<RepoContext, "db">): Pick<ServiceImpl<typeof Health>, "check"> {
  return {
    async check() {
      const serving = await context.db.ping().then(
        () => true,
        () => false,
      );
      return { status: serving ? Status.SERVING : Status.NOT_SERVING };
    },
  };
}
