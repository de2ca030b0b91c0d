/**
 * How the free space is cut up: free ranges by their length, in powers of two. One long range is an empty arena; many
 * short ones are a fragmented one. Counted from the engine's byte a block. Pure, and tested in Node.
 */
import { BLOCK_STATE, type BlockStates } from '../src/index.ts';

export interface FreeRangeClass {
  /** Ranges of `from` … 2 × `from` − 1 blocks. */
  readonly from: number;
  ranges: number;
  blocks: number;
}

/** Of all arenas, or of one. Classes up to the longest possible range. */
export function freeRangeClasses(
  { bytes, arenas, arenaBytes, blockBytes }: BlockStates,
  only?: number,
): FreeRangeClass[] {
  const longest = Math.log2(arenaBytes / blockBytes);
  const classes: FreeRangeClass[] = Array.from({ length: Math.floor(longest) + 1 }, (_, n) => ({
    from: 2 ** n,
    ranges: 0,
    blocks: 0,
  }));
  const note = (length: number): void => {
    const found = classes[31 - Math.clz32(length)];
    if (length === 0 || found === undefined) return;
    found.ranges += 1;
    found.blocks += length;
  };
  for (const { arena, first, count } of arenas) {
    if (only !== undefined && arena !== only) continue;
    let length = 0;
    for (let at = first; at < first + count; at += 1) {
      if (bytes[at] === BLOCK_STATE.free) {
        length += 1;
      } else if (length > 0) {
        note(length);
        length = 0;
      }
    }
    note(length);
  }
  return classes;
}
