import type { MessageJson as Message } from "#proto/objects.ts";
import type { Api } from "./api.ts";
import { createAsker } from "./asker.ts";
import type { Random } from "./backoff.ts";
import { createChanger } from "./changer.ts";
import type { Clock } from "./clock.ts";
import { createGroups, type Groups } from "./groups.ts";
import { createMembers, type Members } from "./members.ts";
import { createMessages, type Messages } from "./messages.ts";
import { createNames, type Names } from "./names.ts";
import { createPins, type Pins } from "./pins.ts";
import { createReceipts, type Receipts } from "./receipts.ts";
import { createTyping, type Typing } from "./typing.ts";

/** What changed beside rows and the list: the conversation concerned is in the event. */
export interface TogetherEvents {
  /** Its loaded members. */
  members: { readonly id: string };
  /** Its pinned messages. */
  pins: { readonly id: string };
  /** Who is typing there. */
  typing: { readonly id: string };
  /** How far others have read it. */
  receipts: { readonly id: string };
  /** Names that were asked for are known. */
  names: undefined;
}

/** What people do together in a conversation, beside the messages themselves. */
export interface Together {
  /** Recall, edit, react, pin, forward. */
  readonly messages: Messages;
  /** Members, roles, mutes, settings, announcements, joining, leaving. */
  readonly groups: Groups;
  readonly members: Members;
  readonly pins: Pins;
  readonly typing: Typing;
  readonly receipts: Receipts;
  readonly names: Names;
}

export interface TogetherDeps {
  readonly api: Pick<Api, "call">;
  readonly clock: Clock;
  readonly random: Random;
  readonly me: () => string | undefined;
  readonly transmit: (frame: object) => boolean;
  /** A message as it is after a change of this client. */
  readonly onMessage: (message: Message) => void;
  readonly emit: (name: Exclude<keyof TogetherEvents, "names">, event: { readonly id: string }) => void;
  /** Names that were asked for are known. */
  readonly onNames: () => void;
}

/** The stores with the ways by which what is pushed reaches them. */
export interface TogetherSide extends Together {
  /** A row was pushed, or was stored for this client. */
  row(row: Message): void;
  /** A row came by a page of history. */
  seen(row: Message): void;
  readTo(conversationId: string, userId: string, seqId: number): void;
  heardTyping(conversationId: string, userId: string, typing: boolean): void;
  refused(frameId: string, code: string): void;
  /** After a reconnect or a `resync`. */
  refresh(): void;
  clear(): void;
}

export function createTogether(deps: TogetherDeps): TogetherSide {
  const { api, clock, random, me, emit } = deps;
  const { call } = api;
  const changer = createChanger({ call, clock, random });
  const messages = createMessages({ call, changer, onChanged: deps.onMessage });
  const plain = createGroups({ call, changer });
  const names = createNames({ call, onChange: deps.onNames });
  const members = createMembers({
    load: async (id, page) => {
      const answer = await plain.members(id, page);
      for (const { user } of answer.members) if (user !== undefined) names.learn(user);
      return answer;
    },
    onChange: (id) => emit("members", { id }),
  });
  const pins = createPins({
    load: messages.pins,
    asker: (run) => createAsker(run, { clock, random }),
    onChange: (id) => emit("pins", { id }),
  });
  const typing = createTyping({ clock, me, transmit: deps.transmit, onChange: (id) => emit("typing", { id }) });
  const receipts = createReceipts({ call, me, onChange: (id) => emit("receipts", { id }) });

  const seen = ({ sender, change }: Message): void => {
    if (sender !== undefined) names.learn(sender);
    const added = change?.members;
    for (const one of Array.isArray(added) ? (added as { userId: string; username: string }[]) : [])
      names.learn({ id: one.userId, username: one.username });
  };
  return {
    messages,
    groups: plain,
    members,
    pins,
    typing,
    receipts,
    names,
    seen,
    row: (row) => {
      seen(row);
      if (row.kind === "change") {
        members.apply(row);
        pins.apply(row);
        return;
      }
      typing.heard(row.conversationId, row.senderId, false);
      // Who writes has read what was there: sending moves the sender's pointer (spec 10 §5), and no receipt says so.
      receipts.heard(row.conversationId, row.senderId, row.seqId);
    },
    readTo: receipts.heard,
    heardTyping: typing.heard,
    refused: typing.refused,
    refresh: () => {
      members.refresh();
      pins.refresh();
    },
    clear: () => {
      members.clear();
      pins.clear();
      typing.clear();
      receipts.clear();
      names.clear();
    },
  };
}
