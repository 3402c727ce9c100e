import type { FriendJson as Friend, FriendRequestJson as FriendRequest, UserInfoJson } from "#proto/objects.ts";

/** Friends, open requests and blocks as this client knows them. */
export interface FriendBook {
  readonly friends: Map<string, Friend>;
  /** Open requests by id, to and from the user. */
  readonly received: Map<string, FriendRequest>;
  readonly sent: Map<string, FriendRequest>;
  readonly blocked: Map<string, Friend>;
}

export function createFriendBook(): FriendBook {
  return { friends: new Map(), received: new Map(), sent: new Map(), blocked: new Map() };
}

/** Takes a change back, as far as nothing newer stands in its place. */
export type Undo = () => void;

export function takeOut<V>(map: Map<string, V>, key: string): Undo {
  const value = map.get(key);
  map.delete(key);
  return () => {
    if (value !== undefined && !map.has(key)) map.set(key, value);
  };
}

export function putIn<V>(map: Map<string, V>, key: string, value: V): Undo {
  const before = map.get(key);
  map.set(key, value);
  return () => {
    if (map.get(key) !== value) return;
    if (before === undefined) map.delete(key);
    else map.set(key, before);
  };
}

export function all(...undos: readonly Undo[]): Undo {
  return () => {
    for (const undo of undos) undo();
  };
}

/** The two are friends: nothing is open between them any more. */
export function befriend(book: FriendBook, friend: Friend): Undo {
  return all(putIn(book.friends, friend.friendId, friend), closeRequests(book, friend.friendId));
}

/** The other side of an open request is friend, blocked or gone: nothing is open between the two any more. */
export function closeRequests(book: FriendBook, userId: string): Undo {
  const undos: Undo[] = [];
  for (const { id, requesterId } of book.received.values())
    if (requesterId === userId) undos.push(takeOut(book.received, id));
  for (const { id, targetId } of book.sent.values()) if (targetId === userId) undos.push(takeOut(book.sent, id));
  return all(...undos);
}

/** Everything in `map` becomes what `rows` says. */
export function refill<V>(map: Map<string, V>, rows: readonly V[], keyOf: (row: V) => string): void {
  map.clear();
  for (const row of rows) map.set(keyOf(row), row);
}

/** The user's own name for a friend, else the account's. */
export function friendName({ remark, friend, friendId }: Friend): string {
  return remark ?? friend?.username ?? friendId;
}

/** A friend or blocked person of whom only the account is known yet. */
export function relationTo(
  userId: string,
  friendId: string,
  friend: UserInfoJson | undefined,
  rest: { status: 1 | 3; createdAt: number },
): Friend {
  return { userId, friendId, ...rest, ...(friend === undefined ? {} : { friend }) };
}

export function byName(a: Friend, b: Friend): number {
  return friendName(a).localeCompare(friendName(b)) || (a.friendId < b.friendId ? -1 : 1);
}

export function newestFirst(a: FriendRequest, b: FriendRequest): number {
  return b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);
}
