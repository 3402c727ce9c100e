import type { ServerFrameData } from "./frames.ts";
import { serverFrames } from "./schemas/server-frames.ts";
import type { PlainFrameType } from "./server-frame-binary.ts";

/** Frames that a service may push to users: no rows of a stream, no answers to a client, nothing that a gateway alone can
 *  know of its sockets (spec 20 §5, 30 §5). */
export const signalTypes = [
  "online-status",
  "conversation-updated",
  "typing-indicator",
  "message-read",
  "draft-updated",
  "friend-request",
  "friend-added",
  "friend-removed",
  "notification",
] as const satisfies readonly PlainFrameType[];

export type SignalType = (typeof signalTypes)[number];

export function isSignalType(text: string): text is SignalType {
  return signalTypes.some((type) => type === text);
}

/** The documented fields of a signal's data; undefined when the text is no JSON object of this frame, or the frame of a
 *  change of the stream. */
export function signalData<T extends SignalType>(type: T, json: string): ServerFrameData[T] | undefined {
  let given: unknown;
  try {
    given = JSON.parse(json);
  } catch {
    return undefined;
  }
  const { success, data } = serverFrames[type].safeParse(given);
  // A change has a place in its stream, and only repo gives places.
  return success && !Object.hasOwn(data, "seqId") ? (data as ServerFrameData[T]) : undefined;
}
