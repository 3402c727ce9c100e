import { onCore, type Side } from "./cores.ts";
import { BenchUsageError } from "./options.ts";
import { cpuUsOfTree, rssBytesOfTree } from "./process-figures.ts";
import { gochatCommand } from "./server-process.ts";

/** Bare `Bun.serve` that publishes to all what one sends: the floor under every figure of the world room. */
export interface ReferenceServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
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
  const child = Bun.spawn(onCore(side, [...gochatCommand(), "bench", "reference"]), {
    stdout: "pipe",
    stderr: "inherit",
    env: { ...process.env, NO_COLOR: "1" },
  });
  const stop = async (): Promise<void> => {
    child.kill();
    await child.exited;
  };
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    const url = /serving reference: (\S+)\n/.exec(text)?.[1];
    if (url === undefined) continue;
    return {
      url,
      pid: child.pid,
      cpuUs: () => cpuUsOfTree(child.pid),
      rssBytes: () => rssBytesOfTree(child.pid),
      [Symbol.asyncDispose]: stop,
    };
  }
  await stop();
  throw new BenchUsageError(`the reference server did not start:\n${text}`);
}
