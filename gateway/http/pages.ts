import type { HTMLBundle } from "bun";
import { AppError } from "#proto/errors.ts";

/** Pages by path (`/`, `/admin`), as bundles that the composition imports. */
export type Pages = Readonly<Record<string, HTMLBundle>>;

/** Native routes for the bundles, under paths nobody knows, and the answers for the public paths: Bun serves a bundle
 *  without letting us add headers, so the text is fetched from the hidden route once and answered with them. */
export interface PageServer {
  readonly routes: Record<string, HTMLBundle>;
  /** Undefined: no page has this path. Throws METHOD_NOT_ALLOWED for anything but GET and HEAD. */
  answer(path: string, method: string): Promise<Response> | undefined;
}

/** Scripts and styles come from this origin only; sockets may go to any host, because a page may be told another one. */
const contentPolicy = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "img-src 'self' https: data: blob:",
  "style-src 'self'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

export const securityHeaders: Readonly<Record<string, string>> = {
  "Content-Security-Policy": contentPolicy,
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
};

/** `origin` is where this server itself answers, known once it listens. */
export function createPageServer(pages: Pages, origin: () => string): PageServer {
  const hidden = new Map<string, string>();
  const routes: Record<string, HTMLBundle> = {};
  for (const [path, bundle] of Object.entries(pages)) {
    const route = `/.page/${Bun.randomUUIDv7()}`;
    hidden.set(path, route);
    routes[route] = bundle;
  }
  const texts = new Map<string, Promise<string>>();

  async function read(route: string): Promise<string> {
    const response = await fetch(new URL(route, origin()));
    if (!response.ok) throw new Error(`the page does not build: ${response.status}`);
    return await response.text();
  }

  function textOf(route: string): Promise<string> {
    const known = texts.get(route);
    if (known !== undefined) return known;
    const text = read(route);
    texts.set(route, text);
    text.catch(() => texts.delete(route));
    return text;
  }

  async function respond(route: string, method: string): Promise<Response> {
    const text = await textOf(route);
    return new Response(method === "HEAD" ? null : text, {
      headers: { ...securityHeaders, "Content-Type": "text/html;charset=utf-8", "Cache-Control": "no-cache" },
    });
  }

  return {
    routes,
    answer(path, method) {
      // People type the slash; a page names its parts from the root, so it is the same page.
      const route = hidden.get(path) ?? hidden.get(path.replace(/\/$/, ""));
      if (route === undefined) return undefined;
      if (method !== "GET" && method !== "HEAD") throw new AppError("METHOD_NOT_ALLOWED");
      return respond(route, method);
    },
  };
}
