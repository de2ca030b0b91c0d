/** Numbers that look random and come again in the same order: for choosing blocks, and for filling them. */

export class RandomSource {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A 32-bit number (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 … `limit` − 1; 0 when there is nothing to choose from. */
  below(limit: number): number {
    return limit <= 1 ? 0 : this.next() % limit;
  }

  /** Up to `count` of the items, each once, in random order. The items themselves are left alone. */
  some<T>(items: readonly T[], count: number): T[] {
    const rest = [...items];
    const chosen: T[] = [];
    while (chosen.length < count && rest.length > 0) {
      const at = this.below(rest.length);
      chosen.push(rest[at] as T);
      rest[at] = rest[rest.length - 1] as T;
      rest.pop();
    }
    return chosen;
  }
}
