/** A two-way line to one other process, in order and without loss while it is open. Messages are structured clones. */
export interface Channel {
  /** Throws when the line is closed. Has no bound of its own: whoever uses it keeps one (one batch in flight, waiting sends). */
  send(message: unknown): void;
  /** Replaces the listener; messages that came before the first one are lost. */
  onMessage(listen: (message: unknown) => void): void;
  /** Aborts when the other process, or this side, has closed the line. */
  readonly closed: AbortSignal;
}

/** The part of a child process that was spawned with `ipc`. */
interface ChildLine {
  send(message: unknown): void;
  readonly exited: Promise<number>;
}

export interface ChildChannel extends Channel {
  /** To be called by the `ipc` callback of the spawn. */
  received(message: unknown): void;
}

/** The line from a parent to a child. `attach` gives it the child once that was spawned. */
export function createChildChannel(): ChildChannel & { attach(child: ChildLine): void } {
  const closing = new AbortController();
  let listener: (message: unknown) => void = () => {};
  let line: ChildLine | undefined;
  return {
    send(message) {
      if (line === undefined || closing.signal.aborted) throw new Error("the line to the process is closed");
      line.send(message);
    },
    onMessage(listen) {
      listener = listen;
    },
    received: (message) => listener(message),
    closed: closing.signal,
    attach(child) {
      line = child;
      // `exited` never rejects.
      void child.exited.then(() => closing.abort(new Error("the process ended")));
    },
  };
}

/** The line from a child to the parent that spawned it with `ipc`. Undefined when it was not. */
export function parentChannel(): Channel | undefined {
  if (process.send === undefined) return undefined;
  const closing = new AbortController();
  process.once("disconnect", () => closing.abort(new Error("the parent process is gone")));
  return {
    send(message) {
      if (closing.signal.aborted) throw new Error("the parent process is gone");
      process.send?.(message);
    },
    onMessage(listen) {
      process.on("message", listen);
    },
    closed: closing.signal,
  };
}

/** Both ends of a line within one process, for tests. */
export function channelPair(): { near: Channel; far: Channel; close(): void } {
  const closing = new AbortController();
  const listeners: [(message: unknown) => void, (message: unknown) => void] = [() => {}, () => {}];
  const end = (mine: 0 | 1): Channel => ({
    send(message) {
      if (closing.signal.aborted) throw new Error("the line is closed");
      const copy: unknown = structuredClone(message);
      queueMicrotask(() => {
        if (!closing.signal.aborted) listeners[mine === 0 ? 1 : 0](copy);
      });
    },
    onMessage(listen) {
      listeners[mine] = listen;
    },
    closed: closing.signal,
  });
  return { near: end(0), far: end(1), close: () => closing.abort(new Error("the line is closed")) };
}
