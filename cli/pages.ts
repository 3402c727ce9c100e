// Bun bundles the page and what it needs; the gateway serves it under these paths.
import docs from "../web/docs/index.html";
import chat from "../web/index.html";

/** Pages by path, for the gateway. */
export const pages = { "/": chat, "/docs": docs };
