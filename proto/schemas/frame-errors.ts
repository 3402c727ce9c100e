import { ERRORS, type ErrorName } from "../errors.ts";
import type { ClientFrameType } from "../frames.ts";

/** What a client frame may be refused with (spec 20 §4, §8), by names of the error table: the socket says their `ws`. */
export interface FrameErrors {
  /** In an `error` frame, beyond those of any frame. */
  readonly own?: readonly ErrorName[];
  /** It asks logic, and may be answered what any call may. */
  readonly calls?: true;
  /** As `code` of a `message-ack` `failed`: decided before the commit. */
  readonly failed?: readonly ErrorName[];
  /** As `error` of a conversation in the `sync-result`, by its name. */
  readonly inResult?: readonly ErrorName[];
}

/** Of any frame: its shape, and the limits of the socket. */
export const anyFrame: readonly ErrorName[] = ["INVALID_MESSAGE_FORMAT", "RATE_LIMITED"];
/** Of any call: nothing is said about the outcome. */
export const anyCall: readonly ErrorName[] = ["INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"];

const member = ["CONVERSATION_NOT_FOUND", "NOT_CONVERSATION_MEMBER"] as const;
const typing = { own: [...member, "OPERATION_NOT_SUPPORTED"], calls: true } as const satisfies FrameErrors;
const change = [
  ...(["MESSAGE_NOT_FOUND", "NOT_CONVERSATION_MEMBER", "CONVERSATION_DISSOLVED"] as const),
  ...(["MESSAGE_RECALLED", "IDEMPOTENCY_CONFLICT"] as const),
] as const;

export const frameErrors: Readonly<Record<ClientFrameType, FrameErrors>> = {
  "send-message": {
    own: ["MESSAGE_EMPTY", "MESSAGE_TOO_LONG", "UNSUPPORTED_MESSAGE_TYPE", "SERVICE_UNAVAILABLE"],
    failed: [
      ...member,
      ...(["CONVERSATION_DISSOLVED", "USER_MUTED", "BLOCKED_BY_USER", "USER_DISABLED", "CONTENT_REJECTED"] as const),
      ...(["INVALID_MESSAGE_FORMAT", "FILE_NOT_FOUND", "IDEMPOTENCY_CONFLICT", "INTERNAL_ERROR"] as const),
    ],
  },
  "mark-read": { own: member, calls: true },
  ping: {},
  typing,
  "stop-typing": typing,
  "recall-message": { own: [...change, "INSUFFICIENT_PERMISSION", "RECALL_TIME_EXCEEDED"], calls: true },
  react: { own: [...change, "BLOCKED_BY_USER", "REACTION_LIMIT"], calls: true },
  sync: { inResult: member, calls: true },
  presence: {},
  "refresh-auth": { own: ["INVALID_TOKEN", "TOKEN_EXPIRED"] },
};

/** Sentences for the document. */
export function errorsText(type: ClientFrameType): string {
  const { own = [], calls, failed = [], inResult = [] } = frameErrors[type];
  const onSocket = [...anyFrame, ...own, ...(calls === true ? anyCall : [])].map((name) => ERRORS[name].ws);
  const acked = failed.map((name) => ERRORS[name].ws);
  return [
    `\`error\`: ${listed(onSocket)}.`,
    ...(acked.length === 0 ? [] : [`\`message-ack\` with \`failed\`: ${listed(acked)}.`]),
    ...(inResult.length === 0 ? [] : [`\`error\` of a conversation in \`sync-result\`: ${listed(inResult)}.`]),
    ...(type === "refresh-auth" ? ["A refusal closes the socket with 4001."] : []),
  ].join("\n\n");
}

function listed(codes: readonly (string | undefined)[]): string {
  return [...new Set(codes)].map((code) => `\`${code}\``).join(", ");
}
