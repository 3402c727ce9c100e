import { type Described, describeConfig } from "#infra/config/describe.ts";
import { hostSpec } from "#infra/host/config.ts";
import { allSpec } from "./all-in-one-spec.ts";
import { serviceSpecs } from "./config-specs.ts";

const groups = { process: hostSpec, ...serviceSpecs, "all in one process": allSpec };

/** `gochat config`: every key with its type, bounds, defaults and whether a change needs a restart. */
export function listConfig(print: (line: string) => void = console.log): number {
  for (const [name, spec] of Object.entries(groups)) {
    print(`\n${name}`);
    for (const one of describeConfig(spec)) print(lineOf(one));
  }
  print(
    "\nAs variable: GOCHAT_WS__MAX_CONNECTIONS=1000. As option: --set ws.max_connections=1000. As YAML: config/default.yaml.",
  );
  return 0;
}

function lineOf(one: Described): string {
  const both =
    one.development === one.production ? one.development : `${one.development} (production ${one.production})`;
  const facts = [one.type, one.allowed, `default ${both === "" ? "none" : both}`, one.reload].join(" · ");
  return `  ${one.key.padEnd(30)} ${one.doc}\n  ${"".padEnd(30)} ${facts}`;
}
