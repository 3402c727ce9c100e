import { BenchUsageError } from "./options.ts";

/** A server of the bench in a process of its own. */
export interface ServingProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** Starts `command` and waits for its line `serving NAME: URL`. Throws BenchUsageError, with what it printed, when it ends
 *  before that. */
export async function startServing(name: string, command: readonly string[]): Promise<ServingProcess> {
  const child = Bun.spawn([...command], {
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
    const url = /serving \w+: (\S+)\n/.exec(text)?.[1];
    if (url !== undefined) return { url, pid: child.pid, [Symbol.asyncDispose]: stop };
  }
  await stop();
  throw new BenchUsageError(`the ${name} server did not start:\n${text}`);
}
