/** Close codes of spec 20 §8 that this side uses, with the reason sent along. */
export const closes = {
  goingAway: { code: 1001, reason: "server going away" },
  frameType: { code: 1003, reason: "text frames only" },
  internal: { code: 1011, reason: "internal error" },
  overloaded: { code: 1013, reason: "try again later" },
  tokenExpired: { code: 4001, reason: "token expired" },
  replaced: { code: 4002, reason: "replaced by another session" },
  disabled: { code: 4003, reason: "account disabled" },
  signedOut: { code: 4004, reason: "signed out" },
  silent: { code: 4008, reason: "heartbeat timeout" },
  slow: { code: 4009, reason: "slow consumer" },
  abuse: { code: 4029, reason: "too many violations" },
} as const satisfies Record<string, { readonly code: number; readonly reason: string }>;

export type Close = (typeof closes)[keyof typeof closes];
