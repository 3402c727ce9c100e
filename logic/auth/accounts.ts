import type { Client } from "@connectrpc/connect";
import type { Bulkhead } from "#infra/breaker/bulkhead.ts";
import { AppError, isAppError } from "#proto/errors.ts";
import { type User, UserStatus } from "#proto/gen/gochat/common/v1/user_pb.ts";
import type { ConversationService } from "#proto/gen/gochat/repo/v1/conversation_service_pb.ts";
import type { UserService } from "#proto/gen/gochat/repo/v1/user_service_pb.ts";
import { invalid } from "../rpc/arguments.ts";
import type { Lockout } from "./lockout.ts";
import { hashPassword, isPasswordPossible, passwordFault } from "./password.ts";
import { checkUsername } from "./username.ts";

export interface AccountDeps {
  readonly users: Pick<
    Client<typeof UserService>,
    "createUser" | "getUser" | "getUserByUsername" | "verifyPassword" | "updateUser"
  >;
  readonly conversations: Pick<Client<typeof ConversationService>, "getConversation">;
  readonly lockout: Lockout;
  /** bounds the hashing of new passwords */
  readonly bulkhead: Bulkhead;
}

/** Who has an account, and how they prove it. */
export interface Accounts {
  /** Throws INVALID_USERNAME, WEAK_PASSWORD, INVALID_PARAMETER, USER_ALREADY_EXISTS. */
  register(wanted: { username: string; password: string; avatarUrl: string }): Promise<User>;
  /** Throws AUTH_INVALID_CREDENTIALS (unknown name and wrong password alike, also in time), USER_DISABLED (only to those
   *  who know the password), LOGIN_LOCKED. */
  signIn(attempt: { username: string; password: string; ip: string }): Promise<User>;
  /** Throws GUEST_DISABLED. */
  createGuest(): Promise<User>;
  /** Makes the guest a registered account under the same id. Throws NOT_GUEST and what `register` throws. */
  upgrade(userId: string, wanted: { username: string; password: string }): Promise<User>;
  /** Throws AUTH_INVALID_CREDENTIALS, WEAK_PASSWORD, GUEST_FORBIDDEN. */
  changePassword(userId: string, change: { oldPassword: string; newPassword: string }): Promise<void>;
  /** The account as it is now, for a token that names it. Throws INVALID_TOKEN, USER_DISABLED. */
  getSignedIn(userId: string): Promise<User>;
}

const worldId = "world";
/** An id that no account has: its password is checked for names that nobody has. */
const nobody = "0";

export function createAccounts(deps: AccountDeps): Accounts {
  const { users } = deps;

  /** Undefined for an unknown name. */
  async function findByName(username: string): Promise<User | undefined> {
    if (!isNamePossible(username)) return undefined;
    try {
      return (await users.getUserByUsername({ username })).user;
    } catch (error) {
      if (isAppError(error, "USER_NOT_FOUND")) return undefined;
      throw error;
    }
  }

  /** The account whose name and password these are. */
  async function prove(username: string, password: string): Promise<User | undefined> {
    if (!isPasswordPossible(password)) return undefined;
    const user = await findByName(username);
    const { valid } = await users.verifyPassword({ userId: user?.id ?? nobody, password });
    return valid && user?.status !== UserStatus.DELETED ? user : undefined;
  }

  async function hashedPassword(password: string): Promise<string> {
    const fault = passwordFault(password);
    if (fault !== undefined) throw new AppError("WEAK_PASSWORD", { details: { reason: fault } });
    return hashPassword(password, deps.bulkhead);
  }

  /** A name and a password for an account, checked. */
  async function hashed(username: string, password: string): Promise<{ username: string; passwordHash: string }> {
    const name = checkUsername(username);
    if (!name.ok) throw new AppError("INVALID_USERNAME", { details: { reason: name.reason } });
    const fault = passwordFault(password);
    if (fault !== undefined) throw new AppError("WEAK_PASSWORD", { details: { reason: fault } });
    // Hashing is dear: a name that is plainly taken is refused before. The database decides between two at once.
    if (await findByName(name.username)) throw new AppError("USER_ALREADY_EXISTS");
    return { username: name.username, passwordHash: await hashPassword(password, deps.bulkhead) };
  }

  async function getSignedIn(userId: string): Promise<User> {
    let user: User;
    try {
      user = present(await users.getUser({ userId }));
    } catch (error) {
      if (isAppError(error, "USER_NOT_FOUND")) throw new AppError("INVALID_TOKEN", { cause: error });
      throw error;
    }
    if (user.status === UserStatus.DELETED) throw new AppError("INVALID_TOKEN");
    if (user.status !== UserStatus.NORMAL) throw new AppError("USER_DISABLED");
    return user;
  }

  return {
    async register({ username, password, avatarUrl }) {
      const wanted = await hashed(username, password);
      return present(await users.createUser({ ...wanted, avatarUrl, isGuest: false }));
    },

    async upgrade(userId, { username, password }) {
      const user = await getSignedIn(userId);
      if (!user.isGuest) throw new AppError("NOT_GUEST");
      const wanted = await hashed(username, password);
      const updateMask = ["username", "password_hash", "is_guest"];
      return present(await users.updateUser({ userId, ...wanted, isGuest: false, updateMask }));
    },

    async changePassword(userId, { oldPassword, newPassword }) {
      const user = await getSignedIn(userId);
      if (user.isGuest) throw new AppError("GUEST_FORBIDDEN");
      const possible = isPasswordPossible(oldPassword);
      const { valid } = possible ? await users.verifyPassword({ userId, password: oldPassword }) : { valid: false };
      if (!valid) throw new AppError("AUTH_INVALID_CREDENTIALS");
      const passwordHash = await hashedPassword(newPassword);
      await users.updateUser({ userId, passwordHash, updateMask: ["password_hash"] });
    },

    async signIn({ username, password, ip }) {
      if (username === "") throw invalid("username");
      if (password === "") throw invalid("password");
      const user = await deps.lockout.attempt(username, ip, () => prove(username, password));
      if (!user) throw new AppError("AUTH_INVALID_CREDENTIALS");
      if (user.status !== UserStatus.NORMAL) throw new AppError("USER_DISABLED");
      return user;
    },

    async createGuest() {
      const { conversation } = await deps.conversations.getConversation({ conversationId: worldId });
      if (!areGuestsAllowed(conversation?.settings ?? "")) throw new AppError("GUEST_DISABLED");
      return present(await users.createUser({ isGuest: true }));
    },

    getSignedIn,
  };
}

function present(answer: { user?: User | undefined }): User {
  if (!answer.user) throw new Error("an answer without a user");
  return answer.user;
}

/** Longer text is no name of an account: not worth a query. */
function isNamePossible(username: string): boolean {
  return username.length > 0 && username.length <= 80 && !username.includes("\0") && username.isWellFormed();
}

/** `world_settings.guest_allowed` of the world's settings; true unless it says false. */
export function areGuestsAllowed(settings: string): boolean {
  if (settings === "") return true;
  const value: unknown = JSON.parse(settings);
  if (typeof value !== "object" || value === null) return true;
  const world: unknown = "world_settings" in value ? value.world_settings : value;
  return !(typeof world === "object" && world !== null && "guest_allowed" in world && world.guest_allowed === false);
}
