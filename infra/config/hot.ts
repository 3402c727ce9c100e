import type { AnySection, ConfigOf } from "./config.ts";

type Values = Record<string, unknown>;

/** A copy whose hot keys `takeHot` may change. */
export function hotCopy<S extends AnySection>(spec: S, config: ConfigOf<S>): ConfigOf<S> {
  // The walk mirrors the spec key by key; the type checker cannot follow that.
  return copied(spec, config as Values) as ConfigOf<S>;
}

/** Changes the hot keys of `target`, a `hotCopy`, to what `next` says. Keys that need a restart keep their values, so whoever reads a key when he needs it sees it as it
 *  is to act now, and pays nothing for that. */
export function takeHot<S extends AnySection>(spec: S, target: ConfigOf<S>, next: ConfigOf<S>): void {
  take(spec, target as Values, next as Values);
}

function copied(spec: AnySection, from: Values): Values {
  const copy: Values = {};
  for (const [name, part] of Object.entries(spec.keys))
    copy[name] = part.kind === "key" ? from[name] : copied(part, from[name] as Values);
  return copy;
}

function take(spec: AnySection, target: Values, next: Values): void {
  for (const [name, part] of Object.entries(spec.keys)) {
    if (part.kind !== "key") take(part, target[name] as Values, next[name] as Values);
    else if (part.hot) target[name] = next[name];
  }
}
