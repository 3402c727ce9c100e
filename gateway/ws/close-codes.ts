import { CLOSE } from "#proto/frames.ts";

/** Closes of spec 20 §8 that this side decides on, with the reason sent along. */
export const closes = {
  goingAway: { code: CLOSE.goingAway, reason: "server going away" },
  frameType: { code: CLOSE.wrongFrameType, reason: "wrong frame type" },
  internal: { code: CLOSE.internal, reason: "internal error" },
  overloaded: { code: CLOSE.overloaded, reason: "try again later" },
  tokenExpired: { code: CLOSE.tokenExpired, reason: "token expired" },
  replaced: { code: CLOSE.replaced, reason: "replaced by another session" },
  disabled: { code: CLOSE.accountDisabled, reason: "account disabled" },
  signedOut: { code: CLOSE.signedOut, reason: "signed out" },
  silent: { code: CLOSE.heartbeatTimeout, reason: "heartbeat timeout" },
  slow: { code: CLOSE.slowConsumer, reason: "slow consumer" },
  abuse: { code: CLOSE.abuse, reason: "too many violations" },
} as const satisfies Record<string, { readonly code: number; readonly reason: string }>;

export type Close = (typeof closes)[keyof typeof closes];
