import { onCore, type Side } from "./cores.ts";
import { cpuUsOfTree, rssBytesOfTree } from "./process-figures.ts";
import { gochatCommand } from "./server-process.ts";
import { type ServingProcess, startServing } from "./serving-process.ts";

/** Bare `Bun.serve` that publishes to all what one sends: the floor under every figure of the world room. */
export interface ReferenceServer extends ServingProcess {
  cpuUs(): number;
  rssBytes(): number;
}

/** Serves until the process is ended; `gochat bench reference`. */
export function serveReference(): Promise<number> {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request, server) {
      const protocol = request.headers.get("sec-websocket-protocol");
      const headers: Record<string, string> = protocol === null ? {} : { "Sec-WebSocket-Protocol": protocol };
      return server.upgrade(request, { headers }) ? undefined : new Response("", { status: 400 });
    },
    websocket: {
      idleTimeout: 0,
      sendPings: false,
      open: (socket) => void socket.subscribe("world"),
      message: (_, message) => void server.publish("world", message),
    },
  });
  console.log(`serving reference: http://127.0.0.1:${server.port}`);
  return new Promise(() => undefined);
}

export async function startReference(side: Side): Promise<ReferenceServer> {
  const server = await startServing("reference", onCore(side, [...gochatCommand(), "bench", "reference"]));
  const { pid } = server;
  return { ...server, cpuUs: () => cpuUsOfTree(pid), rssBytes: () => rssBytesOfTree(pid) };
}
