import type { MessageJson as Message } from "#proto/objects.ts";
import type { Asker } from "./asker.ts";
import { repeatable } from "./error-codes.ts";
import { codeOf } from "./errors.ts";
import type { PinnedMessage } from "./messages.ts";

/** The pinned messages of the conversations that are looked at, kept current by what is pushed. */
export interface Pins {
  /** Newest first, at most 20; undefined until they were loaded. Asks for them the first time. */
  of(conversationId: string): readonly PinnedMessage[] | undefined;
}

export interface PinsStore extends Pins {
  /** A row of the stream: pins, recalls and edits of pinned messages show. */
  apply(row: Message): void;
  /** After a reconnect. */
  refresh(): void;
  clear(): void;
}

export interface PinsDeps {
  readonly load: (conversationId: string) => Promise<readonly PinnedMessage[]>;
  /** Repeats what fails for now; see Asker. */
  readonly asker: (run: () => Promise<boolean>) => Asker;
  readonly onChange: (conversationId: string) => void;
}

interface Entry {
  pins: readonly PinnedMessage[] | undefined;
  readonly asking: Asker;
}

/** Conversations whose pins are kept; the oldest is let go. */
const conversationsMax = 20;

export function createPins({ load, asker, onChange }: PinsDeps): PinsStore {
  const known = new Map<string, Entry>();
  const letGo = (conversationId: string): void => {
    known.get(conversationId)?.asking.cancel();
    known.delete(conversationId);
  };
  const open = (conversationId: string): Entry => {
    const asking = asker(async () => {
      try {
        const pins = await load(conversationId);
        if (known.get(conversationId) !== entry) return true;
        entry.pins = pins;
        onChange(conversationId);
        return true;
      } catch (error) {
        return !repeatable(codeOf(error));
      }
    });
    const entry: Entry = { pins: undefined, asking };
    known.set(conversationId, entry);
    const [oldest] = known.keys();
    if (known.size > conversationsMax && oldest !== undefined) letGo(oldest);
    asking.ask();
    return entry;
  };
  const set = (conversationId: string, entry: Entry, pins: readonly PinnedMessage[]): void => {
    entry.pins = pins;
    onChange(conversationId);
  };
  return {
    of: (conversationId) => (known.get(conversationId) ?? open(conversationId)).pins,
    apply: (row) => {
      const entry = known.get(row.conversationId);
      if (entry === undefined || row.kind !== "change") return;
      const { changeType, targetSeqId } = row;
      if (changeType === "pin" || changeType === "unpin") {
        if (changeType === "unpin") without(entry, row);
        entry.asking.ask();
        return;
      }
      const concerned = entry.pins?.some((pin) => pin.seqId === targetSeqId) === true;
      if (!concerned || (changeType !== "recall" && changeType !== "edit")) return;
      if (changeType === "recall") without(entry, row);
      else entry.asking.ask();
    },
    refresh: () => {
      for (const entry of known.values()) entry.asking.ask();
    },
    clear: () => {
      for (const id of [...known.keys()]) letGo(id);
    },
  };

  function without(entry: Entry, { conversationId, targetSeqId }: Message): void {
    const rest = entry.pins?.filter((pin) => pin.seqId !== targetSeqId);
    if (rest !== undefined) set(conversationId, entry, rest);
  }
}
