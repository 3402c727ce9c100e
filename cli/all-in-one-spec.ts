import { section } from "#infra/config/config.ts";
import { int } from "#infra/config/keys.ts";

/** Keys of the process that runs all services. */
export const allSpec = section({
  all: section({
    logicPort: int({
      default: undefined,
      min: 0,
      max: 65_535,
      doc: "Connect and gRPC-Web of logic in one process; unset: 9001 beside port 8080, else port + 2000",
    }),
    repoPort: int({
      default: undefined,
      min: 0,
      max: 65_535,
      doc: "Connect and gRPC-Web of repo in one process; unset: 9002 beside port 8080, else port + 3000",
    }),
    gatewayPort: int({
      default: undefined,
      min: 0,
      max: 65_535,
      doc: "Connect and gRPC-Web of the gateway for services, in one process; unset: 9003 beside port 8080, else port + 4000",
    }),
  }),
});
