import { errors, jwtVerify, SignJWT } from "jose";
import { type Keys, type SigningKey, tokenAlgorithm } from "./keys.ts";

/** `iss` of every token. */
export const tokenIssuer = "im-logic";
/** Longest token that is looked at, in characters; ours have about 500. */
export const tokenCharsMax = 4096;

export type TokenType = "access" | "refresh";

/** What a token says (spec 10 §3). The JWS is compact: header `{"alg":"EdDSA","kid":"…","typ":"JWT"}`, this as its payload,
 *  an Ed25519 signature. Verifiers check the signature under the `kid` of the key set, `iss`, `exp`, and `type`. */
export interface TokenClaims {
  /** user id, decimal; `user_id` repeats it */
  readonly sub: string;
  readonly user_id: string;
  readonly type: TokenType;
  /** login session, UUID v7 */
  readonly sid: string;
  /** token id, unique */
  readonly jti: string;
  readonly is_guest: boolean;
  /** Unix s */
  readonly iat: number;
  /** Unix s */
  readonly exp: number;
  readonly iss: typeof tokenIssuer;
}

/** What of a pair of tokens is stored with the session, so that the very same pair can be signed again: Ed25519 signatures
 *  are deterministic, and no token itself is ever stored. */
export interface StoredClaims {
  readonly jti: string;
  readonly iat: number;
  readonly exp: number;
  /** key that signed both tokens */
  readonly kid: string;
  readonly guest: boolean;
  readonly access_jti: string;
  readonly access_exp: number;
}

export interface TokenPair {
  readonly accessToken: string;
  readonly refreshToken: string;
  /** Unix s at which the access token ends */
  readonly accessExpiresAt: number;
  /** Unix s at which the refresh token ends */
  readonly refreshExpiresAt: number;
  readonly stored: StoredClaims;
}

export type Verdict =
  | { readonly is: "valid"; readonly claims: TokenClaims }
  | { readonly is: "expired" }
  | { readonly is: "invalid" };

/** Lives of tokens, in seconds. */
export interface TokenLives {
  readonly accessTtlSeconds: number;
  readonly refreshTtlSeconds: number;
  readonly guestAccessTtlSeconds: number;
  readonly guestRefreshTtlSeconds: number;
}

export interface Tokens {
  /** A new pair for a session of a user. */
  issue(user: { id: string; isGuest: boolean }, sid: string): Promise<TokenPair>;
  /** The pair of `stored` once more, byte for byte. Undefined when its key is gone. */
  reissue(userId: string, sid: string, stored: StoredClaims): Promise<TokenPair | undefined>;
  /** Never throws for a bad token. A token of another type is invalid, expired or not. */
  verify(token: string, type: TokenType): Promise<Verdict>;
}

/** `clock` in ms; `newId` makes token ids. */
export function createTokens(
  lives: TokenLives,
  deps: { keys: Keys; clock: () => number; newId: () => string },
): Tokens {
  async function sign(key: SigningKey, claims: TokenClaims): Promise<string> {
    // The order of the members is part of the bytes: claims are always built by `claimsOf`.
    return new SignJWT({ ...claims })
      .setProtectedHeader({ alg: tokenAlgorithm, kid: key.kid, typ: "JWT" })
      .sign(key.privateKey);
  }

  async function pair(key: SigningKey, userId: string, sid: string, stored: StoredClaims): Promise<TokenPair> {
    const { iat, guest } = stored;
    const [accessToken, refreshToken] = await Promise.all([
      sign(key, claimsOf("access", { userId, sid, guest, iat, jti: stored.access_jti, exp: stored.access_exp })),
      sign(key, claimsOf("refresh", { userId, sid, guest, iat, jti: stored.jti, exp: stored.exp })),
    ]);
    return { accessToken, refreshToken, accessExpiresAt: stored.access_exp, refreshExpiresAt: stored.exp, stored };
  }

  return {
    issue(user, sid) {
      const iat = Math.floor(deps.clock() / 1000);
      const key = deps.keys.current(iat);
      const stored: StoredClaims = {
        jti: deps.newId(),
        iat,
        exp: iat + (user.isGuest ? lives.guestRefreshTtlSeconds : lives.refreshTtlSeconds),
        kid: key.kid,
        guest: user.isGuest,
        access_jti: deps.newId(),
        access_exp: iat + (user.isGuest ? lives.guestAccessTtlSeconds : lives.accessTtlSeconds),
      };
      return pair(key, user.id, sid, stored);
    },

    async reissue(userId, sid, stored) {
      const key = deps.keys.find(stored.kid);
      return key && pair(key, userId, sid, stored);
    },

    async verify(token, type) {
      if (token.length > tokenCharsMax) return { is: "invalid" };
      try {
        const { payload } = await jwtVerify(
          token,
          ({ kid }) => {
            const key = kid === undefined ? undefined : deps.keys.find(kid);
            if (!key) throw new errors.JWKSNoMatchingKey();
            return key.publicKey;
          },
          { algorithms: [tokenAlgorithm], issuer: tokenIssuer, currentDate: new Date(deps.clock()) },
        );
        const claims = parseClaims(payload);
        return claims?.type === type ? { is: "valid", claims } : { is: "invalid" };
      } catch (error) {
        const expired = error instanceof errors.JWTExpired && parseClaims(error.payload)?.type === type;
        return { is: expired ? "expired" : "invalid" };
      }
    },
  };
}

function claimsOf(
  type: TokenType,
  of: { userId: string; sid: string; guest: boolean; jti: string; iat: number; exp: number },
): TokenClaims {
  return {
    sub: of.userId,
    user_id: of.userId,
    type,
    sid: of.sid,
    jti: of.jti,
    is_guest: of.guest,
    iat: of.iat,
    exp: of.exp,
    iss: tokenIssuer,
  };
}

function parseClaims(payload: Readonly<Record<string, unknown>>): TokenClaims | undefined {
  const { sub, user_id, type, sid, jti, is_guest, iat, exp, iss } = payload;
  if (typeof sub !== "string" || sub !== user_id || !/^[1-9][0-9]{0,18}$/.test(sub)) return undefined;
  if (type !== "access" && type !== "refresh") return undefined;
  if (typeof sid !== "string" || typeof jti !== "string" || typeof is_guest !== "boolean") return undefined;
  if (typeof iat !== "number" || typeof exp !== "number" || iss !== tokenIssuer) return undefined;
  return { sub, user_id: sub, type, sid, jti, is_guest, iat, exp, iss };
}

/** Reads claims stored with a session. Undefined when they are not in the form of `StoredClaims`. */
export function parseStoredClaims(json: string): StoredClaims | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { jti, iat, exp, kid, guest, access_jti, access_exp }: Partial<Record<keyof StoredClaims, unknown>> = value;
  if (typeof jti !== "string" || typeof access_jti !== "string" || typeof kid !== "string") return undefined;
  if (typeof iat !== "number" || typeof exp !== "number" || typeof access_exp !== "number") return undefined;
  return typeof guest === "boolean" ? { jti, iat, exp, kid, guest, access_jti, access_exp } : undefined;
}

/** SHA-256 of a token in hex: the only form in which tokens are stored, cached or logged. */
export function tokenHash(token: string): string {
  return new Bun.CryptoHasher("sha256").update(token).digest("hex");
}
