import { describeConfig } from "#infra/config/describe.ts";
import { hostSpec } from "#infra/host/config.ts";
import { gochatCommand } from "../../bench/server-process.ts";
import { gatewaySpec } from "../../gateway/config.ts";

/** What a gateway knows; keys of the other services are not handed on. */
const keys = new Set([gatewaySpec, hostSpec].flatMap(describeConfig).map(({ key }) => key));

/** Ports of health and metrics of gateway processes begin so far above that of the process that started them. */
const adminStep = 20;

export interface ChildSettings {
  readonly bridged: boolean;
  /** What this process was given on its command line. */
  readonly flags: Readonly<Record<string, string>>;
  /** Of the process that starts them; 0: free ones. */
  readonly adminPort: number;
  /** Over the flags. */
  readonly own: Readonly<Record<string, string>>;
}

/** The command of the gateway process `number` (from 1) on `port`. */
export function childCommand(settings: ChildSettings, number: number, port: number): string[] {
  const { bridged, flags, adminPort, own } = settings;
  const ports = {
    port: String(port),
    "admin.port": String(adminPort === 0 ? 0 : adminPort + adminStep + number),
    processes: "0",
    // Found by the registry, so any will do.
    "rpc.port": "0",
  };
  const known = Object.entries(flags).filter(([key]) => keys.has(key));
  const set = Object.entries({ ...Object.fromEntries(known), ...own, ...ports }).flatMap(([key, value]) => [
    "--set",
    `${key}=${value}`,
  ]);
  return [...gochatCommand(), "gateway-process", bridged ? "bridged" : "alone", ...set];
}
