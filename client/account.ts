import type { LoginSessionJson as LoginSession, TokensJson as Tokens, UserJson as User } from "#proto/objects.ts";
import type { Auth } from "./auth.ts";
import type { HttpRequest } from "./http.ts";

/** What somebody does with the own account (spec 10 §3, §4). Rejects with ClientError. */
export interface Account {
  /** An empty address takes the picture away. Not for guests. */
  updateProfile(fields: { readonly avatarUrl: string }): Promise<User>;
  /** Ends every other session of the account. AUTH_INVALID_CREDENTIALS: the old one is wrong. */
  changePassword(oldPassword: string, newPassword: string): Promise<void>;
  /** Makes the guest a registered account: same user, same session, new name. */
  upgrade(username: string, password: string): Promise<User>;
  /** Where the account is signed in, the newest sign-in first. */
  sessions(): Promise<readonly LoginSession[]>;
  /** Signs a device out; its socket is closed. Ending the own session signs out here. */
  endSession(sessionId: string): Promise<void>;
  /** Signs out here and on all other devices. When it is refused nothing has changed here. */
  logoutEverywhere(): Promise<void>;
}

export interface AccountDeps {
  /** One request of the signed-in user. */
  readonly call: (request: HttpRequest) => Promise<unknown>;
  readonly auth: Pick<Auth, "session" | "renewed" | "changed" | "signedOut">;
  readonly socket: { connect(): void; disconnect(): void };
}

export function createAccount({ call, auth, socket }: AccountDeps): Account {
  return {
    updateProfile: async ({ avatarUrl }) => {
      const user = (await call({ method: "PUT", path: "/users/profile", body: { avatarUrl } })) as User;
      auth.changed(user);
      return user;
    },
    changePassword: async (oldPassword, newPassword) => {
      await call({ method: "PUT", path: "/auth/password", body: { oldPassword, newPassword } });
    },
    upgrade: async (username, password) => {
      const tokens = await call({ method: "POST", path: "/auth/upgrade", body: { username, password } });
      return auth.renewed(tokens as Tokens).user;
    },
    sessions: async () => {
      const data = await call({ method: "GET", path: "/auth/sessions" });
      return (data as { sessions?: LoginSession[] }).sessions ?? [];
    },
    endSession: async (sessionId) => {
      await call({ method: "DELETE", path: `/auth/sessions/${encodeURIComponent(sessionId)}` });
    },
    logoutEverywhere: async () => {
      const refreshToken = auth.session()?.refreshToken;
      // Not by the 4004 that follows: this sign-out is wanted.
      socket.disconnect();
      try {
        await call({ method: "POST", path: "/auth/logout", body: { refreshToken, allDevices: true } });
      } catch (error) {
        if (auth.session() !== undefined) socket.connect();
        throw error;
      }
      auth.signedOut();
    },
  };
}
