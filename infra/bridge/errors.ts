import type { RemoteErrors } from "./peer.ts";

/** The errors of a port: classes that travel by their name, and what a call over a closed line rejects with. */
export function createRemoteErrors(classes: RemoteErrors["classes"], closed: () => Error): RemoteErrors {
  return { classes, closed };
}
