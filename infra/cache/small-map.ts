/** From here on a native map; below, a scan of an array is as fast and takes a fraction of the memory. */
const scannedMax = 8;

/** A map of texts for hashes, of which there are many with one or two fields: in a native map the first field costs some
 *  300 bytes. Iterates in order of insertion. */
export class SmallMap {
  /** Field, value, field, value, … */
  #flat: string[] | undefined = [];
  #map: Map<string, string> | undefined;

  get size(): number {
    return this.#flat === undefined ? (this.#map?.size ?? 0) : this.#flat.length / 2;
  }

  get(field: string): string | undefined {
    if (this.#flat === undefined) return this.#map?.get(field);
    const at = this.#at(this.#flat, field);
    return at < 0 ? undefined : this.#flat[at + 1];
  }

  set(field: string, value: string): void {
    if (this.#flat === undefined) {
      this.#map?.set(field, value);
      return;
    }
    const at = this.#at(this.#flat, field);
    if (at >= 0) this.#flat[at + 1] = value;
    else if (this.#flat.length < 2 * scannedMax) this.#flat.push(field, value);
    else {
      this.#map = new Map(this).set(field, value);
      this.#flat = undefined;
    }
  }

  /** False: was not there. */
  delete(field: string): boolean {
    if (this.#flat === undefined) return this.#map?.delete(field) ?? false;
    const at = this.#at(this.#flat, field);
    if (at >= 0) this.#flat.splice(at, 2);
    return at >= 0;
  }

  *[Symbol.iterator](): Generator<[string, string]> {
    if (this.#map !== undefined) yield* this.#map;
    const flat = this.#flat ?? [];
    for (let at = 0; at < flat.length; at += 2) yield [flat[at] ?? "", flat[at + 1] ?? ""];
  }

  #at(flat: readonly string[], field: string): number {
    for (let at = 0; at < flat.length; at += 2) if (flat[at] === field) return at;
    return -1;
  }
}
