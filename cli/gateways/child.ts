import { parentChannel } from "#infra/bridge/channel.ts";
import { createPeer } from "#infra/bridge/peer.ts";
import { createBridgeCache } from "#infra/cache/bridge.ts";
import { createBridgeCoord } from "#infra/coord/bridge.ts";
import type { Embedded } from "#infra/host/backends.ts";
import type { CheckState } from "#infra/host/checks.ts";
import type { Process } from "#infra/host/run.ts";
import { exitCodes } from "#infra/host/start-error.ts";
import { createBridgeMq } from "#infra/mq/bridge.ts";
import { runGateway, type Together } from "../../gateway/main.ts";
import { pages } from "../pages.ts";
import type { ParentVerbs } from "./processes.ts";

/** One gateway process of several: started by `gochat serve`, never by hand. `bridged`: log, cache and centre are in the
 *  process that started it, and it cannot go on without that one; otherwise it drains when that one is gone. */
export async function gatewayProcess(
  flags: Readonly<Record<string, string>>,
  options: { readonly bridged: boolean },
): Promise<number> {
  const channel = parentChannel();
  if (channel === undefined) {
    console.error(
      "A gateway process is started by `gochat serve --gateways N` or `gochat serve gateway --processes N`.",
    );
    return exitCodes.usage;
  }
  const peer = createPeer(channel);
  const parent = peer.remote<ParentVerbs>("supervisor", { classes: [], closed: () => new Error("nobody is told") });
  let started: Process | undefined;
  peer.serve("gateway-process", { state: () => worst(started?.running.checks() ?? {}) });
  const embedded: Embedded = {
    coord: (clog) => createBridgeCoord(peer, { clog }),
    cache: () => createBridgeCache(peer),
    mq: () => createBridgeMq(peer),
  };
  const asked = new AbortController();
  channel.closed.addEventListener("abort", () => {
    if (options.bridged) process.exit(exitCodes.unavailable);
    asked.abort(channel.closed.reason);
  });
  const together: Together = {
    embedded: options.bridged ? embedded : undefined,
    asked: asked.signal,
    onReady(ready) {
      started = ready;
      const { running, adminUrl } = ready;
      void parent.ready({ url: running.url ?? "", adminUrl }).catch(() => undefined);
    },
  };
  return runGateway(flags, pages, together);
}

function worst(checks: Readonly<Record<string, CheckState>>): CheckState {
  const states = Object.values(checks);
  return states.find((state) => state === "down") ?? states.find((state) => state === "degraded") ?? "ok";
}
