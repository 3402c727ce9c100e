import { z } from "zod";
import { isUuid } from "#infra/uid/uid.ts";
import type { ErrorName } from "#proto/errors.ts";
import { isConversationId, isEmoji, isId } from "#proto/limits.ts";
import type { JsonText } from "./json-text.ts";

/** One endpoint, written once: it validates the request, types the handler and is its entry in `docs/api/openapi.yaml`. */
export interface Endpoint {
  readonly method: "get" | "post" | "put" | "delete";
  /** Below `/api`; `{name}` is one of `pathParams`. */
  readonly path: `/${string}`;
  readonly summary: string;
  readonly description?: string;
  /** Column "Auth" of spec 10: `none` –, `user` U (any signed-in account), `registered` R. */
  readonly auth: "none" | "user" | "registered";
  /** An object of text fields; see `wholeNumber` and `flag` for what is not text. */
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Name of the error for a body that does not fit; default INVALID_PARAMETER. */
  readonly invalid?: ErrorName;
  /** Schema of `data` by status; null: an envelope without data. */
  readonly answers: Answers;
  /** Names beyond those that follow from `auth`, `query` and `body` (`openapi-errors.ts`). */
  readonly errors?: readonly ErrorName[];
  /** Those that answer 404 here, because they tell that what the path names is not there. One that is in `errors` too, has
   *  its own status where it concerns the caller: its details name no `userId` then. */
  readonly notFound?: readonly ErrorName[];
  /** Takes an `Idempotency-Key`: for a POST that creates and whose body has no `client_msg_id`. Not with auth `none`. */
  readonly idempotent?: true;
  /** Rate limit rule (spec 60 §8), asked for the user, or for the address where nobody is signed in. */
  readonly limit?: string;
}

type Answers = { readonly [S in 200 | 201 | 202]?: z.ZodType | null };

/** Endpoints by operation id, which is unique over the whole API. Of two paths that fit, the earlier one answers. */
export type Endpoints = Readonly<Record<string, Endpoint>>;

/** Keeps the exact types of the endpoint for its handler. */
export function endpoint<const E extends Endpoint>(shape: E): E {
  return shape;
}

/** What may stand in a path. An id that cannot be is one that does not exist, so it is no INVALID_PARAMETER. */
export const pathParams = {
  conversationId: { fits: isConversationId, missing: "CONVERSATION_NOT_FOUND", pattern: "^[A-Za-z0-9_-]{1,64}$" },
  sessionId: { fits: isUuid, missing: "SESSION_NOT_FOUND", pattern: "^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$" },
  messageId: { fits: isId, missing: "MESSAGE_NOT_FOUND", pattern: "^[1-9][0-9]{0,18}$" },
  requestId: { fits: isId, missing: "FRIEND_REQUEST_NOT_FOUND", pattern: "^[1-9][0-9]{0,18}$" },
  joinRequestId: { fits: isId, missing: "JOIN_REQUEST_NOT_FOUND", pattern: "^[1-9][0-9]{0,18}$" },
  memberId: { fits: isId, missing: "NOT_CONVERSATION_MEMBER", pattern: "^[1-9][0-9]{0,18}$" },
  friendId: { fits: isId, missing: "NOT_FRIENDS", pattern: "^[1-9][0-9]{0,18}$" },
  emoji: { fits: isEmoji, missing: "INVALID_PARAMETER", pattern: "^\\S{1,32}$" },
  // Not digits: a name below /users that does not exist.
  userId: { fits: isId, missing: "USER_NOT_FOUND", word: "NOT_FOUND", pattern: "^[1-9][0-9]{0,18}$" },
} as const satisfies Record<string, PathParam>;

export interface PathParam {
  readonly fits: (text: string) => boolean;
  readonly missing: ErrorName;
  /** Instead of `missing`, for what is not even digits. */
  readonly word?: ErrorName;
  readonly pattern: string;
}

export type PathParamName = keyof typeof pathParams;

type NamesIn<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;
type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

export interface Input<E extends Endpoint> {
  readonly params: { readonly [Name in NamesIn<E["path"]>]: string };
  readonly query: Parsed<E["query"]>;
  readonly body: Parsed<E["body"]>;
}

/** With text its status is 200 and its message OK, and it may not be one that is kept by an `Idempotency-Key`. */
type Data<T> = T | JsonText<T>;

/** What a handler answers: one of the endpoint's statuses with the data of its schema. `message` is for people. */
export type Reply<E extends Endpoint> = {
  [S in keyof E["answers"]]: {
    readonly status: S;
    readonly data: E["answers"][S] extends z.ZodType ? Data<z.input<E["answers"][S]>> : undefined;
    readonly message?: string;
  };
}[keyof E["answers"]];

/** 200 with data. */
export function ok<D>(data: D, message = "OK"): { status: 200; data: D; message: string } {
  return { status: 200, data, message };
}

/** 201 with data. */
export function created<D>(data: D, message = "Created"): { status: 201; data: D; message: string } {
  return { status: 201, data, message };
}

/** 200 without data. */
export function done(message = "OK"): { status: 200; data: undefined; message: string } {
  return { status: 200, data: undefined, message };
}

/** Other names that a field is known by, for input only: the documents show the proper one. Here a null
 *  counts as absent. */
export function aliased<S extends z.ZodType>(
  schema: S,
  aliases: Readonly<Record<string, string>>,
): z.ZodType<z.output<S>, z.input<S>> {
  function named(value: unknown): unknown {
    if (typeof value !== "object" || value === null) return value;
    const fields: Record<string, unknown> = { ...value };
    for (const [alias, name] of Object.entries(aliases)) fields[name] ??= fields[alias];
    return Object.fromEntries(Object.entries(fields).filter(([, field]) => field !== null && field !== undefined));
  }
  return z.preprocess(named as (value: z.input<S>) => z.input<S>, schema) as z.ZodType<z.output<S>, z.input<S>>;
}
