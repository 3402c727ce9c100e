import { create } from "@bufbuild/protobuf";
import { eq } from "drizzle-orm";
import type { Tables } from "#drizzle/schema.ts";
import { insertMany, run, type Steps } from "#infra/db/steps.ts";
import { AppError } from "#proto/errors.ts";
import { DissolvedChangeSchema, InfoUpdatedChangeSchema } from "#proto/gen/gochat/common/v1/change_pb.ts";
import type { Action } from "#proto/permissions.ts";
import type { ChangeScope, ConversationFields, Facts } from "../change-scope.ts";
import { mergedSettings } from "./group-settings.ts";

export interface Info {
  readonly name?: string;
  readonly avatarUrl?: string;
  readonly description?: string;
  /** JSON object of the settings to set; the others stay. */
  readonly settings?: string;
}

function addInfo(scope: ChangeScope, conversation: Readonly<Record<string, unknown>>, facts: Facts): bigint {
  const changed = Object.keys(conversation);
  const value = create(InfoUpdatedChangeSchema, { changed, conversation: JSON.stringify(conversation) });
  return scope.add({ change: { case: "infoUpdated", value }, facts });
}

/** Sets what differs; `expectedVersion` 0: whatever was there. Throws INSUFFICIENT_PERMISSION, VERSION_CONFLICT. */
export function updateInfo(info: Info, expectedVersion: bigint) {
  const keys = Object.keys((info.settings === undefined ? {} : JSON.parse(info.settings)) as object);
  const others = info.name !== undefined || info.avatarUrl !== undefined || info.description !== undefined;
  const action: Action = !others && keys.length === 1 && keys[0] === "mute_all" ? "mute_all" : "edit_info";
  // A generator, as every body, although it asks nothing.
  // biome-ignore lint/correctness/useYield: the decision needs only the locked row
  return function* (scope: ChangeScope): Steps<void> {
    scope.permit(action);
    const { conversation } = scope;
    if (expectedVersion !== 0n && expectedVersion !== conversation.version) throw new AppError("VERSION_CONFLICT");
    const fields: { -readonly [K in keyof ConversationFields]: ConversationFields[K] } = {};
    const shown: Record<string, unknown> = {};
    const oldValues: Record<string, string> = {};
    for (const field of ["name", "avatarUrl", "description"] as const) {
      const value = info[field];
      if (value === undefined || value === (conversation[field] ?? "")) continue;
      fields[field] = value === "" ? null : value;
      shown[field] = value;
      oldValues[field] = conversation[field] ?? "";
    }
    if (info.settings !== undefined) {
      const settings = mergedSettings(conversation.settings, info.settings);
      const before = mergedSettings(conversation.settings, "{}");
      if (settings !== before) {
        fields.settings = settings;
        shown.settings = JSON.parse(settings);
        oldValues.settings = before;
      }
    }
    if (Object.keys(shown).length === 0) return;
    const version = conversation.version + 1n;
    scope.set({ ...fields, version });
    addInfo(scope, shown, { oldValues });
  };
}

/** Nobody writes in it afterwards; what was written can be read. Throws INSUFFICIENT_PERMISSION, CONVERSATION_DISSOLVED. */
export function dissolve(reason: string) {
  // biome-ignore lint/correctness/useYield: as above
  return function* (scope: ChangeScope): Steps<void> {
    scope.permit("dissolve");
    scope.set({ dissolvedAt: scope.nowMs });
    scope.add({ change: { case: "dissolved", value: create(DissolvedChangeSchema, { reason }) } });
  };
}

export interface NewAnnouncement {
  readonly id: bigint;
  readonly content: string;
  readonly pinned: boolean;
  /** 0: whatever was there. */
  readonly expectedVersion: bigint;
}

/** One per conversation. The same again: nothing changes. Throws INSUFFICIENT_PERMISSION, VERSION_CONFLICT. */
export function announce({ announcements: a }: Tables, { id, content, pinned, expectedVersion }: NewAnnouncement) {
  return function* (scope: ChangeScope): Steps<void> {
    scope.permit("announce");
    const { tx, nowMs, operator, conversation } = scope;
    const [present] = yield* run(tx.q.select().from(a).where(eq(a.conversationId, conversation.id)));
    if (expectedVersion !== 0n && expectedVersion !== (present?.version ?? 0n)) throw new AppError("VERSION_CONFLICT");
    if (present?.content === content && present.pinned === pinned) return;
    const version = (present?.version ?? 0n) + 1n;
    const fields = { authorId: operator.id, content, pinned, version, updatedAt: nowMs };
    if (present === undefined) {
      yield* insertMany(a, [{ id, conversationId: conversation.id, ...fields, createdAt: nowMs }]);
    } else yield* run(tx.q.update(a).set(fields).where(eq(a.id, present.id)));
    const updatedAt = Math.floor(nowMs / 1000);
    const authorId = operator.id.toString();
    const announcementId = (present?.id ?? id).toString();
    const announcement = { content, authorId, updatedAt, version: version.toString(), pinned };
    addInfo(scope, { announcement }, { announcementId });
  };
}
