/** What an HTTP answer of GoChat holds: the success or the error envelope. */
export interface Answer<T> {
  readonly status: number;
  readonly success: boolean;
  readonly code: string | undefined;
  readonly message: string;
  readonly data: T;
  readonly details: Record<string, unknown> | undefined;
  readonly headers: Headers;
}

/** The HTTP API by plain fetch: shares no code with the SDK. */
export interface Api {
  call<T = Record<string, never>>(method: string, path: string, body?: unknown, token?: string): Promise<Answer<T>>;
}

const callTimeoutMs = 30_000;

export function createApi(url: string): Api {
  return {
    async call<T>(method: string, path: string, body?: unknown, token?: string): Promise<Answer<T>> {
      const headers = new Headers();
      if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
      if (body !== undefined) headers.set("Content-Type", "application/json");
      const response = await fetch(`${url}/api${path}`, {
        method,
        headers,
        signal: AbortSignal.timeout(callTimeoutMs),
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const parsed = (text === "" ? {} : JSON.parse(text)) as Partial<Answer<T>>;
      return {
        status: response.status,
        success: parsed.success === true,
        code: parsed.code,
        message: parsed.message ?? "",
        data: parsed.data as T,
        details: parsed.details,
        headers: response.headers,
      };
    },
  };
}

export interface Account {
  readonly userId: string;
  readonly username: string;
  readonly password: string;
  readonly accessToken: string;
  readonly refreshToken: string;
}

interface TokensJson {
  accessToken: string;
  refreshToken: string;
  user: { id: string; username: string };
}

let made = 0;

/** Registers a new account and signs it in. */
export async function newAccount(api: Api, prefix = "user"): Promise<Account> {
  made += 1;
  const username = `${prefix}_${made.toString(36)}${Math.floor(Math.random() * 1e6).toString(36)}`;
  const password = "correct horse";
  const registered = await api.call("POST", "/auth/register", { username, password });
  if (registered.status !== 201) throw new Error(`register: ${registered.status} ${registered.code}`);
  const { status, data } = await api.call<TokensJson>("POST", "/auth/login", { username, password });
  if (status !== 200) throw new Error(`login: ${status}`);
  return {
    userId: data.user.id,
    username,
    password,
    accessToken: data.accessToken,
    refreshToken: data.refreshToken,
  };
}

export async function newGuest(api: Api): Promise<Account> {
  const { status, data } = await api.call<TokensJson>("POST", "/auth/guest");
  if (status !== 201) throw new Error(`guest: ${status}`);
  return {
    userId: data.user.id,
    username: data.user.username,
    password: "",
    accessToken: data.accessToken,
    refreshToken: data.refreshToken,
  };
}

export interface MessageJson {
  id: string;
  conversationId: string;
  senderId: string;
  seqId: number;
  content: string;
  clientMsgId?: string;
  messageType: number;
  kind?: "message" | "change";
  change?: Record<string, unknown>;
  reactions?: { emoji: string; count: number; mine: boolean }[];
}

export interface HistoryJson {
  messages: MessageJson[];
  hasMore: boolean;
  nextCursor?: number | string;
  latestSeqId: number;
  completeFrom: number;
  completeTo: number;
}

/** The whole history of a conversation, ascending. */
export async function wholeHistory(api: Api, conversationId: string, token: string): Promise<MessageJson[]> {
  const rows: MessageJson[] = [];
  for (;;) {
    const after = rows.at(-1)?.seqId ?? 0;
    const path = `/conversations/${conversationId}/messages?after_seq=${after}&limit=100`;
    const { status, data, code } = await api.call<HistoryJson>("GET", path, undefined, token);
    if (status !== 200) throw new Error(`history: ${status} ${code}`);
    rows.push(...data.messages);
    if (!data.hasMore || data.messages.length === 0) return rows;
  }
}
