import { useEffect, useState } from "preact/hooks";
import { codeOf } from "#client/errors.ts";
import type { UserInfoJson } from "#proto/objects.ts";
import { friendList } from "../friends.ts";
import { client, session } from "../state.ts";

export interface People {
  readonly users: readonly UserInfoJson[];
  readonly searching: boolean;
  /** Code of the last failure. */
  readonly problem: string | undefined;
}

const nothing: People = { users: [], searching: false, problem: undefined };
/** Waits this long after the last key before it asks. */
const typingMs = 200;

/** More friends are found by typing. */
const suggestedMax = 50;

/** Accounts whose name fits `text`; guests may not search and get nothing. With `suggests` friends while nothing is typed. */
export function usePeople(text: string, suggests = false): People {
  const [people, setPeople] = useState<People>(nothing);
  const query = text.trim();
  useEffect(() => {
    if (query === "" || session.peek()?.user.isGuest !== false) {
      setPeople(nothing);
      return;
    }
    const abort = new AbortController();
    setPeople((before) => ({ ...before, searching: true, problem: undefined }));
    const timer = setTimeout(() => {
      client.api.searchUsers(query, abort.signal).then(
        (users) => setPeople({ users, searching: false, problem: undefined }),
        (error: unknown) => {
          if (!abort.signal.aborted) setPeople({ users: [], searching: false, problem: codeOf(error) });
        },
      );
    }, typingMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [query]);
  if (query !== "" || !suggests) return people;
  const friends = friendList.value.slice(0, suggestedMax);
  return { ...nothing, users: friends.flatMap(({ friend }) => (friend === undefined ? [] : [friend])) };
}
