/** From here on a native map; below, a scan of an array is as fast and takes a fraction of the memory. */
const scannedMax = 8;

/** A map of texts for hashes, of which there are many with one or two fields: in a native map the first field costs some
 *  300 bytes, in an array of its own 80, here 16. Iterates in order of insertion. */
export class SmallMap {
  /** The earliest field; undefined: empty, or a native map. */
  #field: string | undefined = undefined;
  #value = "";
  /** Those after it, field, value, field, value, …; or, as a native map, all. */
  #rest: string[] | Map<string, string> | undefined = undefined;

  get size(): number {
    if (this.#rest instanceof Map) return this.#rest.size;
    return this.#field === undefined ? 0 : 1 + (this.#rest?.length ?? 0) / 2;
  }

  get(field: string): string | undefined {
    if (this.#rest instanceof Map) return this.#rest.get(field);
    if (this.#field === field) return this.#value;
    const at = indexOf(this.#rest, field);
    return at < 0 ? undefined : this.#rest?.[at + 1];
  }

  set(field: string, value: string): void {
    const rest = this.#rest;
    if (rest instanceof Map) {
      rest.set(field, value);
      return;
    }
    const at = indexOf(rest, field);
    if (this.#field === undefined || this.#field === field) {
      this.#field = field;
      this.#value = value;
    } else if (rest !== undefined && at >= 0) rest[at + 1] = value;
    else if (rest === undefined) this.#rest = [field, value];
    else if (this.size < scannedMax) rest.push(field, value);
    else {
      this.#rest = new Map(this).set(field, value);
      this.#field = undefined;
      this.#value = "";
    }
  }

  /** False: was not there. */
  delete(field: string): boolean {
    const rest = this.#rest;
    if (rest instanceof Map) return rest.delete(field);
    if (this.#field === field) {
      this.#field = rest?.[0];
      this.#value = rest?.[1] ?? "";
      this.#drop(0);
      return true;
    }
    const at = indexOf(rest, field);
    if (at >= 0) this.#drop(at);
    return at >= 0;
  }

  *[Symbol.iterator](): Generator<[string, string]> {
    const rest = this.#rest;
    if (rest instanceof Map) {
      yield* rest;
      return;
    }
    if (this.#field !== undefined) yield [this.#field, this.#value];
    for (let at = 0; rest !== undefined && at < rest.length; at += 2) yield [rest[at] ?? "", rest[at + 1] ?? ""];
  }

  #drop(at: number): void {
    if (!Array.isArray(this.#rest)) return;
    this.#rest.splice(at, 2);
    if (this.#rest.length === 0) this.#rest = undefined;
  }
}

function indexOf(flat: readonly string[] | undefined, field: string): number {
  if (flat === undefined) return -1;
  for (let at = 0; at < flat.length; at += 2) if (flat[at] === field) return at;
  return -1;
}
