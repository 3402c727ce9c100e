import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescService,
  getOption,
  hasOption,
  type Message,
} from "@bufbuild/protobuf";
import type { CallOptions, HandlerContext } from "@connectrpc/connect";
import { isUnary, methodName, type RpcService } from "#infra/rpc/rpc.ts";
import { AppError } from "#proto/errors.ts";
import { ConversationType } from "#proto/gen/gochat/common/v1/conversation_pb.ts";
import { CallerFact, caller, public$ } from "#proto/gen/gochat/common/v1/options_pb.ts";
import { AuthService } from "#proto/gen/gochat/logic/v1/auth_service_pb.ts";
import { ConversationService } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { FriendService } from "#proto/gen/gochat/logic/v1/friend_service_pb.ts";
import { MessageService } from "#proto/gen/gochat/logic/v1/message_service_pb.ts";
import { UserService } from "#proto/gen/gochat/logic/v1/user_service_pb.ts";
import { FORWARD_TARGETS_MAX } from "#proto/limits.ts";
import { bearerToken } from "../auth/bearer.ts";
import type { TokenCheck } from "../auth/token-check.ts";
import type { Identity } from "../auth/token-verifier.ts";
import { callOptions, type LogicClients } from "../clients.ts";
import type { SignOut } from "../http/auth.ts";
import type { Entrance, EntranceRule } from "../http/limits.ts";
import { changeRules, sendRules } from "../http/send.ts";
import { checkEntrance } from "./entrance-checks.ts";

/** Where the server puts the client's address before it hands a request on; a header of this name from outside never
 *  arrives, as no header of `internalHeaders` does. */
export const addressHeader = "x-client-address";

/** Facts that only services of ours may tell each other (spec 30 §1). */
const internalHeaders = ["x-user-id", "x-session-id", "x-is-guest", addressHeader];
const internalPrefix = "x-service-";

/** The request as the public handlers may see it. */
export function publicRequest(request: Request, address: string, traceId: string, traceparent?: string): Request {
  return new Request(request, { headers: publicHeaders(request.headers, address, traceId, traceparent) });
}

export function publicHeaders(given: Headers, address: string, traceId: string, traceparent?: string): Headers {
  const headers = new Headers(given);
  for (const name of [...headers.keys()]) {
    if (internalHeaders.includes(name) || name.startsWith(internalPrefix)) headers.delete(name);
  }
  headers.set(addressHeader, address);
  headers.set("x-trace-id", traceId);
  if (traceparent === undefined) headers.delete("traceparent");
  else headers.set("traceparent", traceparent);
  return headers;
}

export interface PublicDeps {
  readonly logic: LogicClients;
  readonly tokens: TokenCheck;
  readonly entrance: Entrance;
  readonly signOut: SignOut;
  readonly backendMs: number;
}

/** Forwards the methods of logic that carry the option `public`, and no others: the caller's identity is verified here
 *  and written over every field that is marked as the caller's. Throws at construction when a method outside of
 *  AuthService would let somebody in without a token. */
export function publicServices(deps: PublicDeps): RpcService[] {
  const { logic } = deps;
  return [
    forwarded(AuthService, logic.auth, deps),
    forwarded(UserService, logic.user, deps),
    forwarded(ConversationService, logic.conversation, deps),
    forwarded(MessageService, logic.message, deps),
    forwarded(FriendService, logic.friend, deps),
  ];
}

/** Their services, for tools that call without files. */
export const publicSchemas: readonly DescService[] = [
  AuthService,
  UserService,
  ConversationService,
  MessageService,
  FriendService,
];

type Forward = (request: Message, context: HandlerContext) => Promise<Message>;
type Call = (request: Message, options: CallOptions) => Promise<Message>;

export function isPublic(method: DescMethod): boolean {
  return hasOption(method, public$) && getOption(method, public$);
}

function forwarded(service: DescService, client: object, deps: PublicDeps): RpcService {
  const calls = client as Readonly<Record<string, Call | undefined>>;
  const impl: Record<string, Forward> = {};
  for (const method of service.methods) {
    const call = calls[method.localName];
    if (isPublic(method) && isUnary(method) && call !== undefined) impl[method.localName] = forward(method, call, deps);
  }
  return { service, impl };
}

interface Marked {
  readonly field: DescField;
  readonly fact: CallerFact;
}

function markedFields(input: DescMessage): Marked[] {
  return input.fields.flatMap((field) => (hasOption(field, caller) ? [{ field, fact: getOption(field, caller) }] : []));
}

function forward(method: DescMethod, call: Call, deps: PublicDeps): Forward {
  const marked = markedFields(method.input);
  const needsToken = marked.some(({ fact }) => fact === CallerFact.USER_ID);
  if (!needsToken && method.parent.typeName !== AuthService.typeName) {
    throw new Error(`${methodName(method)} is public and names no caller`);
  }
  return async (message, context) => {
    const address = context.requestHeader.get(addressHeader) ?? "";
    const traceId = context.requestHeader.get("x-trace-id") ?? "";
    const parent = context.requestHeader.get("traceparent") ?? undefined;
    const token = needsToken ? bearerToken(context.requestHeader) : undefined;
    const identity = needsToken ? await deps.tokens.identify(token) : undefined;
    const fields = message as unknown as Record<string, unknown>;
    for (const { field, fact } of marked) fields[field.localName] = factOf(fact, identity, address);
    if (method === AuthService.method.logout) fields.accessToken = token;
    checkEntrance(method, message);
    await deps.entrance.pass(rulesOf(method, message, identity, address));
    const answer = await call(message, callOptions(timeoutOf(context, deps.backendMs), traceId, identity, parent));
    if (method === AuthService.method.logout && token !== undefined && identity !== undefined) {
      deps.signOut.signedOut(token, identity.sid);
    }
    return answer;
  };
}

function factOf(fact: CallerFact, identity: Identity | undefined, address: string): string {
  switch (fact) {
    case CallerFact.USER_ID:
      return identity?.userId ?? "";
    case CallerFact.SESSION_ID:
      return identity?.sid ?? "";
    case CallerFact.IP:
      return address;
    default:
      throw new AppError("INTERNAL_ERROR");
  }
}

const limitedChanges: ReadonlySet<DescMethod> = new Set([
  MessageService.method.editMessage,
  MessageService.method.addReaction,
  MessageService.method.removeReaction,
]);

const searches: ReadonlySet<DescMethod> = new Set([
  FriendService.method.searchUsers,
  ConversationService.method.searchConversations,
]);

/** The same limits as the HTTP routes of these methods. */
function rulesOf(
  method: DescMethod,
  message: Message,
  identity: Identity | undefined,
  address: string,
): EntranceRule[] {
  if (identity === undefined) {
    const rules = [{ rule: "api_default", resource: `ip:${address}` }];
    if (method !== AuthService.method.refreshToken)
      rules.push({ rule: "user_login_attempt", resource: `ip:${address}` });
    return rules;
  }
  const resource = `user:${identity.userId}`;
  const rules: EntranceRule[] = [{ rule: "api_default", resource }];
  const fields = message as unknown as Readonly<Record<string, unknown>>;
  if (method === MessageService.method.sendMessage) {
    rules.push(...sendRules(identity.userId, identity.isGuest, String(fields.conversationId)));
  } else if (limitedChanges.has(method)) rules.push(...changeRules(identity.userId, identity.isGuest));
  else if (method === MessageService.method.forwardMessage) {
    const targets = (fields.targetConversationIds as readonly string[]).slice(0, FORWARD_TARGETS_MAX);
    for (const target of targets) rules.push(...sendRules(identity.userId, identity.isGuest, target));
  } else if (searches.has(method)) rules.push({ rule: "search", resource });
  else if (method === FriendService.method.sendFriendRequest) rules.push({ rule: "friend_request", resource });
  else if (method === ConversationService.method.setDraft) rules.push({ rule: "draft", resource });
  else if (method === ConversationService.method.createConversation && fields.type === ConversationType.GROUP) {
    rules.push({ rule: "create_group", resource });
  }
  return rules;
}

/** A caller may ask for less time than we give, not for more. */
function timeoutOf(context: HandlerContext, backendMs: number): number {
  const left = context.timeoutMs();
  return left === undefined ? backendMs : Math.max(1, Math.min(left, backendMs));
}
