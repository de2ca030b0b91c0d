/**
 * What an allocation costs, logging included. The promises: a million pairs of allocation and free a second; a
 * million
 * free ranges in 512 arenas cost at most twice what a thousand cost, in one arena at most four times; a log of
 * 100,000
 * records and more replays in 150 ms. Run with `npx vitest bench src/arena/arena.bench.ts`; vitest's imports are
 * indirect, bundled code is about twice as fast.
 */
import { bench, describe } from 'vitest';
import { assert } from '../base/assert.ts';
import type { ArenaIndex, Generation } from '../base/brand.ts';
import type { Geometry } from '../format/geometry.ts';
import { BlockHasher, createHasher } from '../format/hasher.ts';
import { LogDisk } from '../sim/log-disk.ts';
import type { LogWriter } from './alloc-log.ts';
import { Arena } from './arena.ts';
import { ArenaSet } from './arena-set.ts';
import { replayLog } from './log-replay.ts';

const hasher = new BlockHasher(await createHasher(), new Uint8Array(16));
const PAIRS = 100_000;
const PAIRS_PER_COMMIT = 1000;

function geometryOf(arenaBlocks: number): Geometry {
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
class Mill {
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
function scattered(arenaCount: number, rangeCount: number): Mill {
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

for (const [arenaCount, rangeCount] of [
  [1, 10],
  [1, 1000],
  [1, 1_000_000],
  [512, 1000],
  [512, 1_000_000],
] as const) {
  describe(`${PAIRS} pairs, ${rangeCount} free ranges in ${arenaCount} arenas`, () => {
    const mill = scattered(arenaCount, rangeCount);
    bench('allocate, log, free, log, commit every 1,000', () => mill.run(PAIRS));
  });
}

const STORE_ARENAS = 256;
const STORE_RECORDS = 100_000;

/**
 * The logs of a store of 16 GiB in arenas of 64 MiB: compacted while every second block was free, and then as many
 * records more, of allocations that were freed again.
 */
function halfFreeStore(): () => void {
  const geometry = geometryOf(4096);
  const logs = Array.from({ length: STORE_ARENAS }, (_, index) => {
    const disk = new LogDisk(geometry);
    const arena = new Arena(index as ArenaIndex, geometry, hasher);
    arena.grow(4096);
    const count = arena.availableBlocks;
    assert(arena.allocateRun('data', count) === 0, 'a fresh arena is one range');
    for (let block = 0; block < count; block += 1) arena.recordAlloc(block, 0, block, 1);
    arena.freeze(1, 1 as Generation, disk);
    for (let block = 0; block < count; block += 2) {
      arena.recordFree(block, 1);
      arena.release(block, 1);
    }
    arena.freeze(2, 2 as Generation, disk);
    arena.askCompaction();
    arena.freeze(5, 5 as Generation, disk);
    for (let pair = 0; pair < STORE_RECORDS / STORE_ARENAS / 2; pair += 1) {
      const block = arena.allocateRun('data', 1);
      arena.recordAlloc(block, 0, block, 1);
      arena.recordFree(block, 1);
    }
    arena.freeze(6, 6 as Generation, disk);
    return { arena: arena.index, entry: arena.entry, readBlock: disk.readBlock };
  });
  const window = { current: 6, previous: 5, beforePrevious: 4 };
  return () => {
    for (const log of logs) {
      const replayed = replayLog({ ...log, window, geometry, hasher });
      assert(!('flaw' in replayed), 'the log replays');
    }
  };
}

describe('replay of 16 GiB, every second block free', () => {
  const replay = halfFreeStore();
  bench('500,000 ranges and 100,000 records in 256 logs', replay);
});
