import { AppError } from "#proto/errors.ts";
import type { Identity, TokenVerifier } from "./token-verifier.ts";

/** Logic's answer about a token: blacklist, revoked session, account state. `refusedAs` is an error name. */
export interface Validity {
  readonly valid: boolean;
  readonly refusedAs: string;
}

export interface TokenCheck {
  /** Verifies locally, then asks logic, whose answer is kept ≤ 60 s; questions about one token join. Throws AppError:
   *  what `TokenVerifier.verify` throws, USER_DISABLED, or that logic is away. */
  identify(token: string | undefined): Promise<Identity>;
  /** Forgets what is known about a token, after its logout. */
  forget(token: string): void;
}

export interface TokenCheckDeps {
  readonly verifier: TokenVerifier;
  readonly ask: (token: string) => Promise<Validity>;
  readonly clock: () => number;
}

export interface TokenCheckOptions {
  readonly answersMax: number;
  readonly answerMs: number;
}

interface Answer {
  readonly validity: Promise<Validity>;
  readonly untilMs: number;
}

export function createTokenCheck(options: TokenCheckOptions, deps: TokenCheckDeps): TokenCheck {
  const answers = new Map<string, Answer>();

  function askOnce(token: string): Promise<Validity> {
    const known = answers.get(token);
    const nowMs = deps.clock();
    if (known !== undefined && nowMs < known.untilMs) return known.validity;
    if (known === undefined && answers.size >= options.answersMax) {
      const oldest = answers.keys().next();
      if (oldest.done !== true) answers.delete(oldest.value);
    }
    const validity = deps.ask(token);
    const answer = { validity, untilMs: nowMs + options.answerMs };
    answers.delete(token);
    answers.set(token, answer);
    // A failed question is no answer: the next request asks again. The caller sees the rejection by its own await.
    validity.catch(() => {
      if (answers.get(token) === answer) answers.delete(token);
    });
    return validity;
  }

  return {
    async identify(token) {
      const identity = await deps.verifier.verify(token);
      if (token === undefined) throw new AppError("UNAUTHORIZED");
      const { valid, refusedAs } = await askOnce(token);
      if (!valid) throw refusal(refusedAs);
      return identity;
    },
    forget: (token) => {
      answers.delete(token);
    },
  };
}

function refusal(name: string): AppError {
  if (name === "TOKEN_EXPIRED" || name === "USER_DISABLED") return new AppError(name);
  return new AppError("INVALID_TOKEN");
}
