import { encodeServerFrame, type ServerFrameData } from "#proto/frames.ts";
import { encodeServerFrameBytes, type PlainFrameType } from "#proto/server-frame-binary.ts";

/** One frame as it goes to a socket: text for gochat.v1.json, bytes for gochat.v1.proto. */
export type Wire = string | Uint8Array;

/** The forms in which rows are pushed: JSON, a frame per row, for clients of version 0; JSON, joined; protobuf, joined. */
export type Carrier = "single" | "joined" | "binary";

export const carriers: readonly Carrier[] = ["single", "joined", "binary"];

/** Which carriers somebody listens by. */
export type Carried = Readonly<Record<Carrier, boolean>>;

/** A frame for one session. `id` echoes the client's. */
export function encodeFor<T extends PlainFrameType>(
  carrier: Carrier,
  type: T,
  data: ServerFrameData[T],
  nowS: number,
  id?: string,
): Wire {
  return carrier === "binary" ? encodeServerFrameBytes(type, data, nowS, id) : encodeServerFrame(type, data, nowS, id);
}

/** The same frame for many sessions, encoded at most once per subprotocol. */
export function sharedFrame<T extends PlainFrameType>(
  type: T,
  data: ServerFrameData[T],
  nowS: number,
): (carrier: Carrier) => Wire {
  let text: string | undefined;
  let bytes: Uint8Array | undefined;
  return (carrier) => {
    if (carrier === "binary") {
      bytes ??= encodeServerFrameBytes(type, data, nowS);
      return bytes;
    }
    text ??= encodeServerFrame(type, data, nowS);
    return text;
  };
}
