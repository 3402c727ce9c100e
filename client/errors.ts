/** What the SDK itself can say beside the codes of the server. */
export type LocalCode =
  /** Nothing was answered: no connection, or the address is wrong. */
  | "NETWORK_ERROR"
  /** No session, or it ended; sign in. */
  | "SIGNED_OUT"
  /** Too many unsent messages wait. */
  | "OUTBOX_FULL"
  /** The caller gave up. */
  | "CANCELLED"
  /** Something answered that is not this API. */
  | "BAD_ANSWER";

/** A refusal or failure with the code of the error table (ERRORS.md), or a local one. */
export class ClientError extends Error {
  readonly code: string;
  /** HTTP status; undefined when the error did not come by HTTP. */
  readonly status: number | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  /** Wait this long before the repeat, when the server said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: string,
    options: {
      message?: string | undefined;
      status?: number | undefined;
      details?: Readonly<Record<string, unknown>> | undefined;
      retryAfterMs?: number | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(options.message ?? code, { cause: options.cause });
    this.name = "ClientError";
    this.code = code;
    this.status = options.status;
    this.details = options.details ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The code of anything that was caught. */
export function codeOf(error: unknown): string {
  return error instanceof ClientError ? error.code : "INTERNAL_ERROR";
}
