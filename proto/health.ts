import type { ServiceImpl } from "@connectrpc/connect";
import { AppError } from "./errors.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "./gen/grpc/health/v1/health_pb.ts";

/** Full name, for the list of services that answer without a service token. */
export const HEALTH_SERVICE = Health.typeName;

/** `isServing` gets the full name of a service, or "" for the whole server; undefined = no such service (NOT_FOUND). */
export function healthService(isServing: (service: string) => boolean | undefined): {
  service: typeof Health;
  impl: Partial<ServiceImpl<typeof Health>>;
} {
  return {
    service: Health,
    impl: {
      check({ service }) {
        const serving = isServing(service);
        if (serving === undefined) throw new AppError("NOT_FOUND");
        return { status: serving ? Status.SERVING : Status.NOT_SERVING };
      },
    },
  };
}
