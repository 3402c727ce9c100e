import type { ErrorDetails, ErrorName } from "#proto/errors.ts";
import type { Message } from "#proto/gen/gochat/common/v1/message_pb.ts";

/** What became of one send. Only `stored` and `rejected` are answers. */
export type SendOutcome =
  /** Committed; `duplicate`: by an earlier attempt, and the row carries the first ids. */
  | { readonly at: "stored"; readonly row: Message; readonly createdAtMs: bigint; readonly duplicate: boolean }
  /** Refused by a decision made before the commit. */
  | {
      readonly at: "rejected";
      readonly code: ErrorName;
      readonly message: string | undefined;
      readonly details?: ErrorDetails;
    }
  /** Not known to have committed: nobody is answered, the same item is committed again. */
  | { readonly at: "open" }
  /** The conversation is held after an alarm: nobody is answered. */
  | { readonly at: "parked" };

export const openOutcome: SendOutcome = { at: "open" };
export const parkedOutcome: SendOutcome = { at: "parked" };
