/**
 * What the allocator knows of each block, where other threads can look at it: a byte a block, arena after arena, behind
 * a word an arena that says how far it has grown. The store worker writes; a map on the page reads whenever it likes.
 * A byte is never torn, and nobody decides anything by what it says: a reader that finds a block free asks the store
 * worker, who knows.
 *
 *     words 0 … arenas − 1      blocks that the arena has grown to
 *     bytes behind them         arenaBlocks bytes an arena (`arena/block-state`)
 */
import { atomicLoad, atomicStore } from './atomics.ts';

/** Plain data: it crosses to every thread by message. */
export interface SharedStatesMemory {
  readonly buffer: SharedArrayBuffer;
  readonly arenaCount: number;
  readonly arenaBlocks: number;
}

export function allocateSharedStates(sizes: {
  readonly arenaCount: number;
  readonly arenaBlocks: number;
}): SharedStatesMemory {
  const { arenaCount, arenaBlocks } = sizes;
  return { ...sizes, buffer: new SharedArrayBuffer(arenaCount * 4 + arenaCount * arenaBlocks) };
}

export class SharedStates {
  readonly arenaCount: number;
  private readonly grown: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly arenaBlocks: number;

  constructor({ buffer, arenaCount, arenaBlocks }: SharedStatesMemory) {
    this.arenaCount = arenaCount;
    this.arenaBlocks = arenaBlocks;
    this.grown = new Int32Array(buffer, 0, arenaCount);
    this.bytes = new Uint8Array(buffer, arenaCount * 4);
  }

  /** Room for all blocks of an arena, or `undefined` for one beyond the limit that was known at opening. */
  room(arena: number): Uint8Array | undefined {
    if (arena >= this.arenaCount) return undefined;
    return this.bytes.subarray(arena * this.arenaBlocks, (arena + 1) * this.arenaBlocks);
  }

  setGrown(arena: number, blocks: number): void {
    if (arena < this.arenaCount) atomicStore(this.grown, arena, blocks);
  }

  grownBlocks(arena: number): number {
    return atomicLoad(this.grown, arena);
  }

  /** The byte of a block, 0 where there is none. */
  stateOf(arena: number, block: number): number {
    if (arena >= this.arenaCount || block >= this.grownBlocks(arena)) return 0;
    return this.bytes[arena * this.arenaBlocks + block] as number;
  }
}
