/**
 * A block pointer names a block *and* what must be found there. The hash lives in the pointer, not in the block, so a
 * block written to the wrong place, an old version of it, or another store's block cannot pass (gefs, ZFS).
 */
import type { BlockAddress, Generation } from '../base/brand.ts';

/** As the engine carries it: the 64-bit hash as two unsigned 32-bit halves, because BigInt is slow. */
export interface Pointer {
  readonly address: BlockAddress;
  /** The generation that was open when the block was born. */
  readonly generation: Generation;
  readonly hashHigh: number;
  readonly hashLow: number;
}
