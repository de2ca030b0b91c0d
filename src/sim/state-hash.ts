/**
 * 53 bits of a disk's visible bytes: two crash states with the same are one, and there is nothing new to learn from
 * it.
 */
import type { SectorFile } from './sector-file.ts';

const FACTOR = 0x9e3779b1;
const OTHER_FACTOR = 0x85ebca6b;

export class StateHasher {
  /** Sectors are shared between states and never change, so each is hashed once. */
  private readonly known = new WeakMap<Uint8Array, number>();

  /** `salt` tells apart what differs in promises only. */
  hash(files: readonly SectorFile[], salt: number): number {
    let one = salt;
    let other = salt;
    for (const { byteCount, sectors } of files) {
      one = Math.imul(one ^ byteCount, FACTOR);
      other = Math.imul(other + byteCount, OTHER_FACTOR);
      for (const sector of sectors) {
        const word = sector === undefined ? 0 : this.wordOf(sector);
        one = Math.imul(one ^ word, FACTOR) ^ (one >>> 15);
        other = Math.imul(other + word, OTHER_FACTOR) ^ (other >>> 13);
      }
    }
    return (one >>> 0) * 2 ** 21 + ((other >>> 0) % 2 ** 21);
  }

  private wordOf(sector: Uint8Array): number {
    const known = this.known.get(sector);
    if (known !== undefined) return known;
    let word = 0x811c9dc5;
    for (const byte of sector) word = Math.imul(word ^ byte, 0x01000193) ^ (word >>> 17);
    this.known.set(sector, word);
    return word;
  }
}
