/** Typed events: one map from event name to payload. */
export interface Emitter<Events extends object> {
  /** Calls `listener` for every later event of that name, in order of registration. Returns the way to stop. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void;
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void;
}

/** A listener that throws does not keep the others from being called: its error goes to `onError`. */
export function createEmitter<Events extends object>(
  onError: (error: unknown) => void = (error) => queueMicrotask(() => Promise.reject(error)),
): Emitter<Events> {
  const listeners = new Map<keyof Events, Set<(event: never) => void>>();
  return {
    on: (name, listener) => {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set);
      // One wrapper per registration, so that the same function registered twice is two registrations.
      const own = (event: never) => listener(event);
      set.add(own);
      return () => {
        set.delete(own);
      };
    },
    emit: (name, event) => {
      for (const listener of [...(listeners.get(name) ?? [])]) {
        try {
          listener(event as never);
        } catch (error) {
          onError(error);
        }
      }
    },
  };
}
