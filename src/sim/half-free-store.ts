/** The logs of a large store as a long life leaves them, on a simulated disk: what a benchmark replays. */
import { Arena } from '../arena/arena.ts';
import { replayLog } from '../arena/log-replay.ts';
import { assert } from '../base/assert.ts';
import type { ArenaIndex, Generation } from '../base/brand.ts';
import { BlockHasher, createHasher } from '../format/hasher.ts';
import { geometryOf } from './allocation-mill.ts';
import { LogDisk } from './log-disk.ts';

const hasher = new BlockHasher(await createHasher(), new Uint8Array(16));
const STORE_ARENAS = 256;
const STORE_RECORDS = 100_000;

/**
 * The logs of a store of 16 GiB in arenas of 64 MiB: compacted while every second block was free, and then as many
 * records more, of allocations that were freed again.
 */
export function halfFreeStore(): () => void {
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
