import type { ServerOptions } from "./server-options.ts";

/** What a driver sends of its own: sessions, transactions, keep-alive. */
const own = /^(?:select 1$|begin|commit|rollback|set |show |select version|select get_lock|select release_lock)/i;

/** Counts the statements that somebody asked for. */
export function countStatements<O extends ServerOptions>(options: O): { options: O; statements: () => number } {
  let count = 0;
  const took: ServerOptions["took"] = (label, ms) => {
    if (!own.test(label)) count += 1;
    options.took(label, ms);
  };
  return { options: { ...options, took }, statements: () => count };
}
