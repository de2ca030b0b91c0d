/**
 * What the allocator knows of each block, where other threads can look at it: a byte a block, arena after arena, behind
 * a word an arena that says how far it has grown. The store worker writes; a map on the page reads whenever it likes.
 * A byte is never torn, and nobody decides anything by what it says: a reader that finds a block free asks the store
 * worker, who knows.
 *
 *     words 0 … arenas − 1      blocks that the arena has grown to
 *     129 words                 how many damaged blocks are known, and the addresses of the first 64
 *     bytes behind them         arenaBlocks bytes an arena (`arena/block-state`)
 */
import type { Geometry } from '../format/geometry.ts';
import { atomicLoad, atomicStore } from './atomics.ts';
import { loadDouble, storeDouble } from './double-words.ts';

/** Plain data: it crosses to every thread by message. */
export interface SharedStatesMemory {
  readonly buffer: SharedArrayBuffer;
  readonly arenaCount: number;
  readonly arenaBlocks: number;
}

/** What a client needs to know to read without messages. Plain data: it crosses to every thread by message. */
export interface SharedReading {
  readonly geometry: Geometry;
  readonly slotCount: number;
  /** What is hashed before each of the store's blocks. */
  readonly hashDomain: Uint8Array;
  readonly states: SharedStatesMemory;
  /** The store's figures (`store/shared-stats`). */
  readonly stats: SharedArrayBuffer;
  /** What the clients are called, by their numbers. */
  readonly clients: readonly string[];
}

/** Of more damaged blocks than these, maps show the first. */
const DAMAGED_MAX = 64;
const DAMAGED_WORDS = 1 + 2 * DAMAGED_MAX;

export function allocateSharedStates(sizes: {
  readonly arenaCount: number;
  readonly arenaBlocks: number;
}): SharedStatesMemory {
  const { arenaCount, arenaBlocks } = sizes;
  return {
    ...sizes,
    buffer: new SharedArrayBuffer(bytesStart(arenaCount) + arenaCount * arenaBlocks),
  };
}

function bytesStart(arenaCount: number): number {
  return 4 * (arenaCount + DAMAGED_WORDS);
}

export class SharedStates {
  readonly arenaCount: number;
  private readonly grown: Int32Array;
  private readonly damagedWords: Int32Array;
  private readonly bytes: Uint8Array;
  private readonly arenaBlocks: number;

  constructor({ buffer, arenaCount, arenaBlocks }: SharedStatesMemory) {
    this.arenaCount = arenaCount;
    this.arenaBlocks = arenaBlocks;
    this.grown = new Int32Array(buffer, 0, arenaCount);
    this.damagedWords = new Int32Array(buffer, 4 * arenaCount, DAMAGED_WORDS);
    this.bytes = new Uint8Array(buffer, bytesStart(arenaCount));
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

  /** A reader may see addresses of now beside others of before: each is one that was damaged. */
  setDamaged(addresses: Iterable<number>): void {
    let count = 0;
    for (const address of addresses) {
      if (count === DAMAGED_MAX) break;
      storeDouble(this.damagedWords, 1 + 2 * count, address);
      count += 1;
    }
    atomicStore(this.damagedWords, 0, count);
  }

  damaged(): number[] {
    const count = Math.min(DAMAGED_MAX, atomicLoad(this.damagedWords, 0));
    return Array.from({ length: count }, (_, n) => loadDouble(this.damagedWords, 1 + 2 * n));
  }

  /** The bytes of the blocks that the arena has grown to, as they are while one looks. */
  grownBytes(arena: number): Uint8Array {
    const start = arena * this.arenaBlocks;
    return this.bytes.subarray(start, start + this.grownBlocks(arena));
  }

  /** The byte of a block, 0 where there is none. */
  stateOf(arena: number, block: number): number {
    if (arena >= this.arenaCount || block >= this.grownBlocks(arena)) return 0;
    return this.bytes[arena * this.arenaBlocks + block] as number;
  }
}
