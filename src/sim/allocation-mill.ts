/** An allocator at work without a disk: what benchmarks time. */

import type { LogWriter } from '../arena/alloc-log.ts';
import { ArenaSet } from '../arena/arena-set.ts';
import { assert } from '../base/assert.ts';
import type { ArenaIndex, Generation } from '../base/brand.ts';
import type { Geometry } from '../format/geometry.ts';
import { BlockHasher, createHasher } from '../format/hasher.ts';

const hasher = new BlockHasher(await createHasher(), new Uint8Array(16));
const PAIRS_PER_COMMIT = 1000;

export function geometryOf(arenaBlocks: number): Geometry {
  return {
    ...{ blockBytes: 16_384, sectorBytes: 4096, slotBytes: 65_536, diskCount: 1 },
    arenaBytes: arenaBlocks * 16_384,
  };
}

/** One buffer for everything: what is written is thrown away. */
function throwAwayWriter(geometry: Geometry): LogWriter {
  const scratch = new Uint8Array(geometry.blockBytes);
  return { openScratch: () => 0, scratchBytes: () => scratch, writeBatch() {} };
}

/** Commits one after the other, and what is freed in one is released two later, as the engine does. */
export class Mill {
  private readonly arenas: ArenaSet;
  private readonly writer: LogWriter;
  private commit = 0;
  /** By age: arena and block of what this commit and the last two freed. */
  private freed: [number, number][][] = [[], [], []];
  private oldLogs: [number, number][][] = [[], [], []];

  constructor(arenas: ArenaSet, geometry: Geometry) {
    this.arenas = arenas;
    this.writer = throwAwayWriter(geometry);
  }

  /** Each pair allocates a block and frees it, in two transactions of one commit. */
  run(pairs: number): void {
    for (let pair = 0; pair < pairs; pair += 1) {
      const block = this.arenas.allocate('data', 1, 0);
      const arena = this.arenas.at(this.arenas.lastArena);
      arena.recordAlloc(block, 0, pair, block);
      arena.recordFree(block, 1);
      this.freed[0]?.push([arena.index, block]);
      if (pair % PAIRS_PER_COMMIT === PAIRS_PER_COMMIT - 1) this.commitAll();
    }
  }

  private commitAll(): void {
    this.commit += 1;
    for (const arena of this.arenas.arenas) {
      if (!arena.touched) continue;
      const old = arena.freeze(this.commit, this.commit as Generation, this.writer);
      for (const block of old) this.oldLogs[0]?.push([arena.index, block]);
    }
    for (const [arena, block] of this.freed.pop() ?? []) this.arenas.at(arena).release(block, 1);
    for (const [arena, block] of this.oldLogs.pop() ?? []) {
      this.arenas.at(arena).release(block, 1);
      this.arenas.at(arena).releaseOldLog(1);
    }
    this.freed.unshift([]);
    this.oldLogs.unshift([]);
  }
}

/** `arenaCount` arenas with `rangeCount` ranges of a block between them, and a block in use behind each. */
export function scatteredMill(arenaCount: number, rangeCount: number): Mill {
  const ranges = Math.ceil(rangeCount / arenaCount);
  const blocks = 2 * ranges + Math.ceil(ranges / 32) + 8192;
  const geometry = geometryOf(blocks);
  const arenas = new ArenaSet(geometry, hasher);
  for (let index = 0; index < arenaCount; index += 1) {
    const arena = arenas.open(index as ArenaIndex);
    arena.grow(blocks);
    assert(arena.allocateRun('data', 2 * ranges) === 0, 'a fresh arena is one range');
    for (let block = 0; block < 2 * ranges; block += 2) {
      arena.forgetUnlogged(block);
      arena.reuseUnlogged(block);
      arena.recordAlloc(block + 1, 0, block, 1);
    }
  }
  return new Mill(arenas, geometry);
}
