/** The form in which equal usernames are equal bytes: NFKC, without case. Never shown. What the database keeps unique, and
 *  what limits and locks go by. */
export function usernameKey(username: string): string {
  // Up, then down: so both sigmas, ß and ss, dotless and dotted i fall together. Either can undo the normal form.
  return username.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}
