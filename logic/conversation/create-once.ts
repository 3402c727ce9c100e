import type { CallOptions } from "@connectrpc/connect";
import { IdempotencyConflictError, type Once, OnceTimeoutError } from "#infra/once/once.ts";
import { AppError } from "#proto/errors.ts";
import type { CreateConversationRequest } from "#proto/gen/gochat/logic/v1/conversation_service_pb.ts";
import { isPrintableAscii } from "#proto/limits.ts";
import type { RepoClients } from "../deps.ts";
import { invalid } from "../rpc/arguments.ts";
import { requireConversation } from "./access.ts";
import { type Created, type CreateRules, createConversation } from "./create.ts";

/** How long a creation is remembered under the caller's key (spec 10 §1). */
const keyTtlMs = 24 * 3_600_000;
const keyCharsMax = 64;

/** What a call of CreateConversation came to. `replayed`: an earlier call with this key did it. */
export interface CreatedOnce extends Created {
  readonly replayed: boolean;
}

/** As `createConversation`, once per creator and `idempotency_key`: a repeat within a day answers with the conversation
 *  of the first. Without a key every call creates. Throws IDEMPOTENCY_CONFLICT for another request under the key. */
export async function createConversationOnce(
  { repo, once }: { readonly repo: RepoClients; readonly once: Once },
  request: CreateConversationRequest,
  rules: CreateRules,
  options: CallOptions,
): Promise<CreatedOnce> {
  const { idempotencyKey, creatorId, memberIds } = request;
  if (idempotencyKey === "") return { ...(await createConversation(repo, request, rules, options)), replayed: false };
  if (!isPrintableAscii(idempotencyKey, keyCharsMax)) throw invalid("idempotency_key");
  const { type, name, avatarUrl, description, settings } = request;
  const fingerprint = JSON.stringify([type, name, avatarUrl, description, settings, memberIds]);
  let made: Created | undefined;
  try {
    const key = `conversation:create:${creatorId}:${idempotencyKey}`;
    const conversationId = await once.execute(key, { ttlMs: keyTtlMs, fingerprint }, async () => {
      made = await createConversation(repo, request, rules, options);
      return made.conversation.id;
    });
    if (made !== undefined) return { ...made, replayed: false };
    const conversation = await requireConversation(repo, conversationId, options);
    return { conversation, created: true, memberIds: [], replayed: true };
  } catch (error) {
    if (error instanceof IdempotencyConflictError) throw new AppError("IDEMPOTENCY_CONFLICT", { cause: error });
    if (error instanceof OnceTimeoutError) throw new AppError("TIMEOUT", { cause: error });
    throw error;
  }
}
