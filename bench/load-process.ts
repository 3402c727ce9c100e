import { onCore, type Side } from "./cores.ts";
import type { Commands, Reply } from "./load/commands.ts";
import type { Sample } from "./load/drive.ts";
import { gochatCommand } from "./server-process.ts";

/** A load client in a process of its own. */
export interface LoadProcess extends AsyncDisposable {
  readonly pid: number;
  readonly ask: Commands;
  /** Told while it drives. */
  onSample: (sample: Sample) => void;
}

/** Sockets of one load process: a process may open 20,000 descriptors on many systems. */
export const socketsPerProcess = 19_600;

export function startLoad(side: Side): LoadProcess {
  const pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let asked = 0;
  const child = Bun.spawn(onCore(side, [...gochatCommand(), "bench", "load"]), {
    stdout: "inherit",
    stderr: "inherit",
    env: { ...process.env, NO_COLOR: "1" },
    serialization: "json",
    ipc(reply: Reply) {
      if ("sample" in reply) {
        load.onSample(reply.sample);
        return;
      }
      const one = pending.get(reply.id);
      pending.delete(reply.id);
      if ("error" in reply) one?.reject(new Error(reply.error));
      else one?.resolve(reply.value);
    },
    onExit(_, code) {
      for (const { reject } of pending.values()) reject(new Error(`the load client ended with ${code}`));
    },
  });
  const ask = (name: keyof Commands) => (args: unknown) =>
    new Promise((resolve, reject) => {
      asked += 1;
      pending.set(asked, { resolve, reject });
      child.send({ id: asked, name, args });
    });
  const load: LoadProcess = {
    pid: child.pid,
    ask: {
      people: ask("people"),
      open: ask("open"),
      converse: ask("converse"),
      drive: ask("drive"),
      listen: ask("listen"),
      heard: ask("heard"),
      closed: ask("closed"),
      verify: ask("verify"),
      stall: ask("stall"),
      unstall: ask("unstall"),
      post: ask("post"),
      lose: ask("lose"),
      wave: ask("wave"),
      close: ask("close"),
    } as Commands,
    onSample: () => undefined,
    async [Symbol.asyncDispose]() {
      child.kill();
      await child.exited;
    },
  };
  return load;
}
