/**
 * All arenas of a store, and the choice among them.
 *
 * The choice is the seed's `pickarena`: a hint, a slow round robin and the block's type decide where to begin, and the
 * next arena is tried when one is full. Slow, because neighbours on disk become one write: the round robin moves on
 * after a run of blocks, not after a block.
 */
import { assert } from '../base/assert.ts';
import { type ArenaIndex, isCount } from '../base/brand.ts';
import type { Geometry } from '../format/geometry.ts';
import type { BlockHasher } from '../format/hasher.ts';
import { Arena, type BlockKind } from './arena.ts';
import { type StatesRoom, unsharedStates } from './block-state.ts';

/** Blocks allocated before the round robin moves on by one arena: 16 MiB of 16 KiB blocks. */
const ROUND_ROBIN_BLOCKS = 1024;

export class ArenaSet {
  /** By arena index. Never-opened ones in between have grown by nothing. */
  readonly arenas: Arena[] = [];
  /** What the last `allocate` took. */
  lastArena = 0;
  lastCount = 0;
  private roundRobin = 0;
  private readonly geometry: Geometry;
  private readonly hasher: BlockHasher;
  private readonly statesRoom: StatesRoom;

  constructor(geometry: Geometry, hasher: BlockHasher, statesRoom: StatesRoom = unsharedStates) {
    this.geometry = geometry;
    this.hasher = hasher;
    this.statesRoom = statesRoom;
  }

  /** The arena of that index; it and the ones before it come into being, with nothing grown. */
  open(index: ArenaIndex): Arena {
    while (this.arenas.length <= index) {
      const next = this.arenas.length as ArenaIndex;
      this.arenas.push(new Arena(next, this.geometry, this.hasher, this.statesRoom));
    }
    return this.at(index);
  }

  at(index: number): Arena {
    const arena = this.arenas[index];
    assert(arena !== undefined, 'an address in use lies in an arena');
    return arena;
  }

  /** Blocks that data may still take without growth. */
  get availableBlocks(): number {
    let blocks = 0;
    for (const arena of this.arenas) blocks += arena.availableBlocks;
    return blocks;
  }

  /**
   * Takes up to `countMax` neighbouring blocks: a whole run where any arena has one, else the first piece found. Says
   * where in `lastArena` and `lastCount` and returns the first block's index, or −1 when all arenas are full.
   *
   * @param hint How many arenas further than the round robin to begin: a whole number, 0 or more.
   */
  allocate(kind: BlockKind, countMax: number, hint: number): number {
    assert(isCount(hint), 'a hint is a whole number, 0 or more');
    const whole = this.tryEach(kind, countMax, hint, true);
    return whole >= 0 ? whole : this.tryEach(kind, countMax, hint, false);
  }

  private tryEach(kind: BlockKind, countMax: number, hint: number, wholeRun: boolean): number {
    const count = this.arenas.length;
    const first = this.pick(kind, hint);
    for (let tries = 0; tries < count; tries += 1) {
      const arena = this.at((first + tries) % count);
      const start = wholeRun
        ? arena.allocateRun(kind, countMax)
        : arena.allocateSome(kind, countMax);
      if (start < 0) continue;
      this.lastArena = arena.index;
      this.lastCount = wholeRun ? countMax : arena.free.lastCount;
      this.roundRobin += this.lastCount;
      return start;
    }
    return -1;
  }

  /** Metadata starts one arena further than data, so that the two mix less. */
  private pick(kind: BlockKind, hint: number): number {
    if (this.arenas.length === 0) return 0;
    const turn = Math.floor(this.roundRobin / ROUND_ROBIN_BLOCKS);
    return (turn + hint + (kind === 'metadata' ? 1 : 0)) % this.arenas.length;
  }
}
