import { startServer } from "../../bench/server-process.ts";

/** GoChat under test. */
export interface Target extends AsyncDisposable {
  /** The first gateway. */
  readonly first: string;
  /** The last gateway: another one than the first where there are several. */
  readonly last: string;
}

/** A process of its own on embedded backends; or, where GOCHAT_E2E_URLS names gateways (comma-separated), those: they run
 *  on real servers, without rate limits, and are left as they are. */
export async function startTarget(): Promise<Target> {
  const urls = (process.env.GOCHAT_E2E_URLS ?? "").split(",").filter((url) => url !== "");
  const [first] = urls;
  if (first !== undefined) return { first, last: urls.at(-1) ?? first, [Symbol.asyncDispose]: () => Promise.resolve() };
  const server = await startServer({ settings: { "ratelimit.enabled": "false" } });
  return { first: server.url, last: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
