import { delayOf, type Random, resendStepsMs } from "./backoff.ts";
import type { Reply } from "./changes.ts";
import type { Clock } from "./clock.ts";
import { ClientError } from "./errors.ts";
import { uuidv7 } from "./ids.ts";
import { type KeyValueStorage, readJson, writeJson } from "./storage.ts";

/** A message that has no final answer yet, or was refused and waits for the user's decision. */
export interface Pending {
  readonly clientMsgId: string;
  readonly conversationId: string;
  readonly content: string;
  readonly messageType: number;
  readonly createdAtMs: number;
  /** What it answers. */
  readonly replyTo?: Reply | undefined;
  /** User ids. */
  readonly mentions?: readonly string[] | undefined;
  readonly state: "sending" | "failed";
  /** Why it failed. */
  readonly code: string | undefined;
  /** Sending, but the server asked for a pause: goes out again at this time (Unix ms). */
  readonly heldUntilMs?: number | undefined;
}

/** The server's final word on a stored message. */
export interface Stored {
  readonly messageId: string;
  readonly seqId: number | undefined;
  /** Unix seconds. */
  readonly createdAt: number | undefined;
}

export interface SendHandle {
  readonly clientMsgId: string;
  /** Resolves when the message is stored; rejects with the code of the refusal, OUTBOX_FULL or CANCELLED. While the
   *  outcome is unknown it waits, over any number of reconnects. */
  readonly ack: Promise<Stored>;
}

export interface Draft {
  readonly conversationId: string;
  readonly content: string;
  /** 1 = text, the default. */
  readonly messageType?: number;
  /** A repeat of an earlier send carries its id; default a new UUID v7. */
  readonly clientMsgId?: string;
  /** What it answers, as `replyOf` of changes.ts makes it. */
  readonly replyTo?: Reply | undefined;
  /** User ids, at most 50. */
  readonly mentions?: readonly string[] | undefined;
}

export interface OutboxDeps {
  readonly clock: Clock;
  readonly random: Random;
  /** Puts the message on the wire; false when there is no connection. */
  readonly transmit: (message: Pending) => boolean;
  readonly onChange: (conversationId: string) => void;
  /** A pending message turned out to be stored. */
  readonly onStored: (message: Pending, stored: Stored) => void;
  /** May this refusal at the entrance be repeated with the same id? */
  readonly repeatable: (code: string) => boolean;
  /** Keeps unsent messages over a restart; absent = memory only. */
  readonly storage?: KeyValueStorage | undefined;
}

/** Messages on their way. Every one keeps its `client_msg_id` over all repeats, so that it is stored once (G3). */
export interface Outbox {
  send(draft: Draft): SendHandle;
  /** Sends a failed message again, under the same id; after IDEMPOTENCY_CONFLICT under a new one. */
  retry(clientMsgId: string): SendHandle | undefined;
  cancel(clientMsgId: string): void;
  acked(clientMsgId: string, stored: Stored): void;
  /** A `failed` ack: decided before the commit. A later success still wins. */
  failed(clientMsgId: string, code: string): void;
  /** An `error` frame: refused at the entrance. */
  refused(clientMsgId: string, code: string, retryAfterMs?: number): void;
  /** The connection is ready: everything without a final answer goes out again, in order. */
  connected(): void;
  disconnected(): void;
  /** Takes over what `owner` left unsent; undefined forgets all from memory. */
  restore(owner: string | undefined): void;
  pending(conversationId?: string): readonly Pending[];
}

interface Entry {
  message: Pending;
  dueMs: number;
  /** Transmissions over the present connection. */
  tries: number;
  settle: PromiseWithResolvers<Stored>;
}

/** Past it `send` rejects with OUTBOX_FULL. */
const pendingMax = 200;
/** Transmitted and unanswered at the same time: under the server's burst of 60 messages (spec 20 §8). */
const inFlightMax = 32;
const ackTimeoutMs = 10_000;

export function createOutbox(deps: OutboxDeps): Outbox {
  const { clock, random } = deps;
  const entries = new Map<string, Entry>();
  let open = false;
  let owner: string | undefined;
  let cancelTimer: (() => void) | undefined;

  const storageKey = (): string => `gochat.outbox.${owner ?? ""}`;
  const save = (): void => {
    if (deps.storage === undefined || owner === undefined) return;
    const messages = [...entries.values()].map((entry) => entry.message);
    writeJson(deps.storage, storageKey(), messages.length === 0 ? undefined : messages);
  };
  const changed = (conversationId: string): void => {
    save();
    deps.onChange(conversationId);
  };
  const newEntry = (message: Pending): Entry => {
    const settle = Promise.withResolvers<Stored>();
    settle.promise.catch(() => undefined); // Who does not look at the ack sees the state in `pending`.
    return { message, dueMs: 0, tries: 0, settle };
  };

  /** Shows that the message waits for the server's sake, or that it does not any more. */
  const hold = (entry: Entry, untilMs: number | undefined): void => {
    entry.message = { ...entry.message, heldUntilMs: untilMs };
    deps.onChange(entry.message.conversationId);
  };
  const release = (entry: Entry): void => {
    if (entry.message.heldUntilMs !== undefined) hold(entry, undefined);
  };

  /** Transmits what is due, in order of sending, and sets one timer for what is due next. */
  const pump = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    if (!open) return;
    const nowMs = clock.now();
    let nextMs = Number.POSITIVE_INFINITY;
    let inFlight = 0;
    for (const entry of entries.values()) if (entry.message.state === "sending" && entry.tries > 0) inFlight++;
    for (const entry of entries.values()) {
      if (entry.message.state !== "sending") continue;
      if (entry.dueMs <= nowMs) {
        if (entry.tries === 0 && inFlight >= inFlightMax) continue; // The next answer pumps again.
        if (!deps.transmit(entry.message)) return;
        release(entry);
        if (entry.tries === 0) inFlight++;
        entry.tries++;
        entry.dueMs = nowMs + (entry.tries === 1 ? ackTimeoutMs : delayOf(resendStepsMs, entry.tries - 2, random));
      }
      nextMs = Math.min(nextMs, entry.dueMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) cancelTimer = clock.after(nextMs - nowMs, pump);
  };
  const handle = (entry: Entry): SendHandle => ({ clientMsgId: entry.message.clientMsgId, ack: entry.settle.promise });
  const fail = (entry: Entry, code: string): void => {
    entry.message = { ...entry.message, state: "failed", code };
    entry.settle.reject(new ClientError(code));
    changed(entry.message.conversationId);
    pump();
  };
  const enqueue = (message: Pending): SendHandle => {
    const entry = newEntry(message);
    if (entries.size >= pendingMax) {
      entry.settle.reject(new ClientError("OUTBOX_FULL"));
      return handle(entry);
    }
    entries.set(message.clientMsgId, entry);
    pump();
    changed(message.conversationId);
    return handle(entry);
  };

  return {
    send: (draft) => {
      const known = draft.clientMsgId === undefined ? undefined : entries.get(draft.clientMsgId);
      if (known?.message.state === "sending") return handle(known);
      return enqueue({
        clientMsgId: draft.clientMsgId ?? uuidv7(clock.now()),
        conversationId: draft.conversationId,
        content: draft.content,
        messageType: draft.messageType ?? 1,
        createdAtMs: clock.now(),
        ...(draft.replyTo === undefined ? {} : { replyTo: draft.replyTo }),
        ...(draft.mentions === undefined ? {} : { mentions: draft.mentions }),
        state: "sending",
        code: undefined,
      });
    },
    retry: (clientMsgId) => {
      const entry = entries.get(clientMsgId);
      if (entry === undefined || entry.message.state !== "failed") return undefined;
      entries.delete(clientMsgId);
      const conflict = entry.message.code === "IDEMPOTENCY_CONFLICT";
      const id = conflict ? uuidv7(clock.now()) : clientMsgId;
      return enqueue({ ...entry.message, clientMsgId: id, state: "sending", code: undefined });
    },
    cancel: (clientMsgId) => {
      const entry = entries.get(clientMsgId);
      if (entry === undefined) return;
      entries.delete(clientMsgId);
      entry.settle.reject(new ClientError("CANCELLED"));
      changed(entry.message.conversationId);
      pump();
    },
    acked: (clientMsgId, stored) => {
      const entry = entries.get(clientMsgId);
      if (entry === undefined) return;
      entries.delete(clientMsgId);
      entry.settle.resolve(stored);
      deps.onStored(entry.message, stored);
      changed(entry.message.conversationId);
      pump();
    },
    failed: (clientMsgId, code) => {
      const entry = entries.get(clientMsgId);
      if (entry?.message.state === "sending") fail(entry, code);
    },
    refused: (clientMsgId, code, retryAfterMs) => {
      const entry = entries.get(clientMsgId);
      if (entry?.message.state !== "sending") return;
      if (!deps.repeatable(code)) return fail(entry, code);
      entry.dueMs = clock.now() + Math.max(retryAfterMs ?? 0, delayOf(resendStepsMs, entry.tries - 1, random));
      if (retryAfterMs !== undefined) hold(entry, entry.dueMs);
      pump();
    },
    connected: () => {
      open = true;
      for (const entry of entries.values()) {
        entry.tries = 0;
        entry.dueMs = 0;
      }
      pump();
    },
    disconnected: () => {
      open = false;
      pump();
    },
    restore: (nextOwner) => {
      if (nextOwner === owner) return;
      entries.clear();
      owner = nextOwner;
      const saved =
        deps.storage === undefined || owner === undefined ? undefined : readJson(deps.storage, storageKey());
      for (const item of Array.isArray(saved) ? saved.slice(0, pendingMax) : []) {
        if (isPending(item)) entries.set(item.clientMsgId, newEntry(item));
      }
      pump();
    },
    pending: (conversationId) => {
      const all = [...entries.values()].map((entry) => entry.message);
      return conversationId === undefined ? all : all.filter((message) => message.conversationId === conversationId);
    },
  };
}

function isPending(value: unknown): value is Pending {
  if (typeof value !== "object" || value === null) return false;
  const item = value as Record<string, unknown>;
  return (
    typeof item.clientMsgId === "string" &&
    typeof item.conversationId === "string" &&
    typeof item.content === "string" &&
    typeof item.messageType === "number" &&
    typeof item.createdAtMs === "number" &&
    (item.state === "sending" || item.state === "failed")
  );
}
