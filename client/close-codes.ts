/** Why the socket does not come back by itself. */
export type StopReason =
  /** Closed on purpose. */
  | "closed"
  /** Signed in elsewhere (4002). */
  | "replaced"
  /** The account is disabled (4003). */
  | "disabled"
  /** Logout, or the session was revoked (4004). */
  | "signed-out"
  /** Client and server do not understand each other (1002, 1003, 1007, 1009). */
  | "protocol";

/** What to do after a close (the table of spec 20 §8). */
export type CloseRule =
  | { readonly act: "stop"; readonly reason: StopReason }
  /** At once, spread over a second. */
  | { readonly act: "soon" }
  /** Get a new access token first. */
  | { readonly act: "refresh" }
  /** By the back-off table, not earlier than its step `fromStep` and `minMs`. */
  | { readonly act: "back-off"; readonly fromStep: number; readonly minMs: number };

const backOff: CloseRule = { act: "back-off", fromStep: 0, minMs: 0 };

const rules: Readonly<Record<number, CloseRule>> = {
  1000: { act: "stop", reason: "closed" },
  1001: { act: "soon" },
  1002: { act: "stop", reason: "protocol" },
  1003: { act: "stop", reason: "protocol" },
  1007: { act: "stop", reason: "protocol" },
  1009: { act: "stop", reason: "protocol" },
  1011: backOff,
  1013: { act: "back-off", fromStep: 2, minMs: 0 },
  4001: { act: "refresh" },
  4002: { act: "stop", reason: "replaced" },
  4003: { act: "stop", reason: "disabled" },
  4004: { act: "stop", reason: "signed-out" },
  4008: backOff,
  4009: backOff,
  4029: { act: "back-off", fromStep: 0, minMs: 60_000 },
};

/** An abnormal close (1006) and every unknown code: reconnect with back-off. */
export function closeRule(code: number): CloseRule {
  return rules[code] ?? backOff;
}
