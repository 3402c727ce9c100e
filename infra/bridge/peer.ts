import type { Channel } from "./channel.ts";

/** What one side answers under the name of a port. Arguments and results are structured clones: no functions, no signals. */
export type Verbs = Readonly<Record<string, (...args: never[]) => unknown>>;

/** The verbs of the other side. A call rejects with what its verb threw, made again by name, and with `closed` of the port
 *  when the line is. */
export type Remote<V> = {
  readonly [K in keyof V]: V[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

type ErrorClass = new (message: string) => Error;

export interface RemoteErrors {
  /** Classes that travel by name; every other error becomes an `Error` of the same message. */
  readonly classes: readonly ErrorClass[];
  /** What a call rejects with when the line is closed. */
  closed(): Error;
}

/** Calls over a channel, both ways. Calls of one side begin in their order. */
export interface Peer {
  serve(port: string, verbs: Verbs): void;
  remote<V extends object>(port: string, errors: RemoteErrors): Remote<V>;
  readonly closed: AbortSignal;
}

type Message =
  | { readonly at: "call"; readonly id: number; readonly port: string; readonly verb: string; readonly args: unknown[] }
  | { readonly at: "done"; readonly id: number; readonly value: unknown }
  | { readonly at: "failed"; readonly id: number; readonly name: string; readonly message: string };

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly errors: RemoteErrors;
}

export function createPeer(channel: Channel): Peer {
  const ports = new Map<string, Verbs>();
  const pending = new Map<number, Pending>();
  let calls = 0;

  function answer(message: Message): void {
    // The caller is gone with the line; nobody waits.
    if (!channel.closed.aborted) channel.send(message);
  }

  async function run({ id, port, verb, args }: Extract<Message, { at: "call" }>): Promise<void> {
    try {
      const does = ports.get(port)?.[verb];
      if (does === undefined) throw new Error(`nothing answers ${port}.${verb}`);
      // Both sides are the same program: what one sends is what the other's types say.
      answer({ at: "done", id, value: await does(...(args as never[])) });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      answer({ at: "failed", id, name, message });
    }
  }

  channel.onMessage((raw) => {
    const message = raw as Message;
    if (message.at === "call") {
      void run(message);
      return;
    }
    const waiting = pending.get(message.id);
    if (waiting === undefined) return;
    pending.delete(message.id);
    if (message.at === "done") waiting.resolve(message.value);
    else waiting.reject(errorOf(message.name, message.message, waiting.errors));
  });
  channel.closed.addEventListener("abort", () => {
    for (const { reject, errors } of pending.values()) reject(errors.closed());
    pending.clear();
  });

  function call(port: string, verb: string, args: unknown[], errors: RemoteErrors): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (channel.closed.aborted) {
        reject(errors.closed());
        return;
      }
      calls += 1;
      pending.set(calls, { resolve, reject, errors });
      channel.send({ at: "call", id: calls, port, verb, args });
    });
  }

  return {
    serve(port, verbs) {
      ports.set(port, verbs);
    },
    remote<V extends object>(port: string, errors: RemoteErrors) {
      const verbs = new Map<string, (...args: unknown[]) => Promise<unknown>>();
      return new Proxy({} as Remote<V>, {
        get(_, verb) {
          // A promise that resolves to this object asks for `then`.
          if (typeof verb !== "string" || verb === "then") return undefined;
          const known = verbs.get(verb) ?? ((...args) => call(port, verb, args, errors));
          verbs.set(verb, known);
          return known;
        },
      });
    },
    closed: channel.closed,
  };
}

function errorOf(name: string, message: string, { classes }: RemoteErrors): Error {
  const known = classes.find((one) => one.name === name);
  return known === undefined ? new Error(message) : new known(message);
}
