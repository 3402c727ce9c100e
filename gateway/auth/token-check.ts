import type { BoundHistogram } from "#infra/metrics/metrics.ts";
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
  readonly remembered?: BoundHistogram;
}

export interface TokenCheckOptions {
  readonly answersMax: number;
  readonly answerMs: number;
}

interface Answer {
  readonly identity: Identity;
  readonly validity: Promise<Validity>;
  /** Once it is there. */
  known: Validity | undefined;
  readonly untilMs: number;
}

export function createTokenCheck(options: TokenCheckOptions, deps: TokenCheckDeps): TokenCheck {
  const { verifier, clock } = deps;
  const answers = new Map<string, Answer>();

  /** What is known of a token that is still good by itself; its signature is not looked at again. */
  function recall(token: string): Answer | undefined {
    const known = answers.get(token);
    if (known === undefined) return undefined;
    const nowMs = clock();
    const { sid, expiresAtS } = known.identity;
    const good = nowMs < known.untilMs && nowMs < expiresAtS * 1000 && !verifier.isRevoked(sid);
    return good ? known : undefined;
  }

  function ask(token: string, identity: Identity): Answer {
    if (!answers.has(token) && answers.size >= options.answersMax) {
      const oldest = answers.keys().next();
      if (oldest.done !== true) answers.delete(oldest.value);
    }
    const validity = deps.ask(token);
    const answer: Answer = { identity, validity, known: undefined, untilMs: clock() + options.answerMs };
    answers.delete(token);
    answers.set(token, answer);
    validity.then(
      (known) => {
        answer.known = known;
      },
      // A failed question is no answer: the next request asks again. The caller sees the rejection by its own await.
      () => {
        if (answers.get(token) === answer) answers.delete(token);
      },
    );
    return answer;
  }

  return {
    async identify(token) {
      const began = performance.now();
      const before = token === undefined ? undefined : recall(token);
      if (before !== undefined) deps.remembered?.observe((performance.now() - began) / 1000);
      const answer = before ?? (await asked(token));
      const { valid, refusedAs } = answer.known ?? (await answer.validity);
      if (!valid) throw refusal(refusedAs);
      return answer.identity;
    },
    forget: (token) => {
      answers.delete(token);
    },
  };

  async function asked(token: string | undefined): Promise<Answer> {
    const identity = await verifier.verify(token);
    if (token === undefined) throw new AppError("UNAUTHORIZED");
    // Another request may have asked meanwhile.
    return recall(token) ?? ask(token, identity);
  }
}

function refusal(name: string): AppError {
  if (name === "TOKEN_EXPIRED" || name === "USER_DISABLED") return new AppError(name);
  return new AppError("INVALID_TOKEN");
}
