import type { Window } from "./message-window.ts";

const nobody: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const reactors = new WeakMap<Window, ReadonlyMap<string, Map<string, Set<string>>>>();

/** With which emojis somebody has reacted to the messages of a window, by their ids. Every reaction has a row of its own above
 *  its message, given or taken back: a window that reaches the head has them all. */
export function ownReactions(window: Window, userId: bigint | undefined): ReadonlyMap<string, ReadonlySet<string>> {
  if (userId === undefined) return nobody;
  let known = reactors.get(window);
  if (known === undefined) {
    known = reactorsOf(window);
    reactors.set(window, known);
  }
  return known.get(userId.toString()) ?? nobody;
}

/** By user and message. */
function reactorsOf({ messages }: Window): Map<string, Map<string, Set<string>>> {
  const users = new Map<string, Map<string, Set<string>>>();
  for (const { change } of messages) {
    if (change.case !== "reaction") continue;
    const { userId, messageId, emoji, removed } = change.value;
    const own = users.get(userId) ?? new Map<string, Set<string>>();
    users.set(userId, own);
    const emojis = own.get(messageId) ?? new Set<string>();
    own.set(messageId, emojis);
    if (removed) emojis.delete(emoji);
    else emojis.add(emoji);
  }
  return users;
}
