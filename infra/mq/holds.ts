/** The records of one partition that were read and are still held, and where that leaves the group. */
export class Holds {
  /** Ascending: a partition is read in order, and a set keeps the order of its additions. */
  private readonly offsets = new Set<number>();

  get count(): number {
    return this.offsets.size;
  }

  add(offset: number): void {
    this.offsets.add(offset);
  }

  /** False when it was not held. */
  release(offset: number): boolean {
    return this.offsets.delete(offset);
  }

  /** Everything below it is finished, when everything below `position` was read: what may be committed. */
  mark(position: number): number {
    for (const lowest of this.offsets) return lowest;
    return position;
  }
}
