import { beforeEach, describe, expect, test } from 'vitest';
import type { ArenaIndex, Generation } from '../base/brand.ts';
import type { Geometry } from '../format/geometry.ts';
import { ArenaLife, blockHasher } from '../sim/arena-life.ts';
import { LogDisk } from '../sim/log-disk.ts';
import { Arena } from './arena.ts';
import { STATE, UNLOGGED, UNPUBLISHED } from './block-state.ts';
import { logBlocksMax, logReserveBlocks } from './reserve.ts';

const geometry: Geometry = {
  ...{ blockBytes: 512, sectorBytes: 512, slotBytes: 4096, diskCount: 1 },
  arenaBytes: 128 * 512,
};
const RESERVE = logReserveBlocks(128, geometry);

let arena: Arena;
let disk: LogDisk;

beforeEach(() => {
  arena = new Arena(0 as ArenaIndex, geometry, blockHasher);
  disk = new LogDisk(geometry);
  arena.grow(128);
});

const freeze = (commit: number): number[] => arena.freeze(commit, commit as Generation, disk);

describe('a block’s life', () => {
  test('free, unpublished, unlogged, logged, pending, free', () => {
    expect(arena.isFreeBlock(0)).toBe(true);
    expect(arena.allocateRun('data', 1)).toBe(0);
    expect(arena.states[0]).toBe(STATE.data | UNLOGGED | UNPUBLISHED);
    expect([arena.isFreeBlock(0), arena.isAllocated(0)]).toEqual([false, true]);
    expect(arena.isPublished(0)).toBe(false);
    arena.recordAlloc(0, 0, 1, 2);
    expect(arena.states[0]).toBe(STATE.data | UNLOGGED);
    expect(arena.isPublished(0)).toBe(true);
    freeze(1);
    expect(arena.states[0]).toBe(STATE.data);
    arena.recordFree(0, 1);
    expect(arena.states[0]).toBe(STATE.pending);
    expect(arena.isPublished(0)).toBe(false);
    expect([arena.isFreeBlock(0), arena.isAllocated(0), arena.pendingBlocks]).toEqual([
      ...[false, false, 1],
    ]);
    freeze(2);
    arena.release(0, 1);
    expect([arena.isFreeBlock(0), arena.pendingBlocks]).toEqual([true, 0]);
    expect(arena.free.isFree(0, 1)).toBe(true);
  });

  test('rolled back: forgotten, and free again without a record', () => {
    const start = arena.allocateRun('metadata', 1);
    arena.forgetUnlogged(start);
    expect(arena.states[start]).toBe(STATE.pending | UNLOGGED);
    expect([arena.forgottenBlocks, arena.pendingBlocks]).toEqual([1, 0]);
    expect(arena.isAllocated(start) || arena.isFreeBlock(start)).toBe(false);
    arena.reuseUnlogged(start);
    expect([arena.isFreeBlock(start), arena.forgottenBlocks]).toEqual([true, 0]);
  });

  test('a block outside what has grown is free, and not allocated', () => {
    expect(arena.isFreeBlock(4000)).toBe(true);
    expect(arena.isAllocated(4000)).toBe(false);
  });
});

describe('what must not happen is asserted', () => {
  beforeEach(() => {
    arena.allocateRun('data', 4);
    arena.recordAlloc(0, 0, 1, 2);
    arena.recordAlloc(1, 0, 1, 2);
    freeze(1);
  });

  test('I4: a free block is freed, or a block twice', () => {
    expect(() => arena.recordFree(50, 1)).toThrow('I4: a block is freed once');
    arena.recordFree(0, 1);
    expect(() => arena.recordFree(0, 1)).toThrow('I4: a block is freed once');
    expect(() => arena.recordFree(0, 2)).toThrow('I4: a block is freed once');
  });

  test('I4: a block comes back that nobody freed, or twice', () => {
    expect(() => arena.release(0, 1)).toThrow('I4: only a logged, pending block is released');
    arena.recordFree(0, 1);
    arena.release(0, 1);
    expect(() => arena.release(0, 1)).toThrow('I4: only a logged, pending block is released');
  });

  test('I4: a freed block comes back before a commit has frozen its allocation', () => {
    arena.recordAlloc(2, 0, 1, 2);
    arena.recordFree(2, 1);
    expect(() => arena.release(2, 1)).toThrow('I4: only a logged, pending block is released');
    freeze(2);
    arena.release(2, 1);
  });

  test('I4: a logged block is forgotten, or a block twice', () => {
    const message = 'I4: only an unpublished block in use is forgotten';
    expect(() => arena.forgetUnlogged(0)).toThrow(message);
    expect(() => arena.forgetUnlogged(90)).toThrow(message);
    arena.forgetUnlogged(3);
    expect(() => arena.forgetUnlogged(3)).toThrow(message);
  });

  test('I3: a block is freed that no ended transaction has published', () => {
    expect(() => arena.recordFree(3, 1)).toThrow('I3: what no log will know is not freed in one');
  });

  test('I8: a block is reused that was not forgotten', () => {
    expect(() => arena.reuseUnlogged(3)).toThrow('I8: reuse follows forgetting');
    arena.recordFree(1, 1);
    expect(() => arena.reuseUnlogged(1)).toThrow('I8: reuse follows forgetting');
  });

  test('I3: an allocation is logged twice', () => {
    expect(() => arena.recordAlloc(0, 0, 1, 2)).toThrow('I3: an allocation is logged once');
  });

  test('I3: states and ranges have come apart', () => {
    arena.states[4] = STATE.data;
    expect(() => arena.allocateRun('data', 1)).toThrow('I4: only a free block is allocated');
  });

  test('I9: more old log blocks come back than there were', () => {
    expect(() => arena.releaseOldLog(1)).toThrow('I9: old log blocks are counted once');
  });

  test('an arena grows beyond its bounds', () => {
    expect(arena.fullyGrown).toBe(true);
    expect(() => arena.grow(1)).toThrow('an arena keeps its bounds');
  });
});

describe('where blocks come from', () => {
  test('data from the bottom, a block of metadata from the top, runs from where they fit', () => {
    expect(arena.allocateRun('data', 3)).toBe(0);
    expect(arena.allocateRun('metadata', 1)).toBe(127);
    expect(arena.allocateRun('metadata', 2)).toBe(3);
    expect(arena.states.subarray(0, 6)).toEqual(
      new Uint8Array(
        [1, 1, 1, 2, 2, 0].map((state) => (state === 0 ? 0 : state | UNLOGGED | UNPUBLISHED)),
      ),
    );
  });

  describe('a run that was missing is found again', () => {
    const count = 128 - RESERVE;
    /** Single blocks, more of them than the longest range is long. */
    const singles = Array.from({ length: Math.floor(count / 2) }, (_, n) => 2 * n);
    const run = RESERVE + 1;

    test('when blocks come back unlogged', () => {
      arena.allocateRun('data', count);
      for (const block of singles) {
        arena.forgetUnlogged(block);
        arena.reuseUnlogged(block);
      }
      expect(arena.availableBlocks).toBeGreaterThanOrEqual(run);
      expect(arena.allocateRun('data', run)).toBe(-1);
      expect(arena.allocateRun('data', run + 1)).toBe(-1);
      expect(arena.allocateRun('data', 1)).toBe(0);
      arena.forgetUnlogged(count - 1);
      arena.reuseUnlogged(count - 1);
      expect(arena.allocateRun('data', run)).toBe(count - 1);
    });

    test('when freed blocks come back', () => {
      arena.allocateRun('data', count);
      for (let block = 0; block < count; block += 1) arena.recordAlloc(block, 0, 1, 1);
      freeze(1);
      for (const block of singles) {
        arena.recordFree(block, 1);
        arena.release(block, 1);
      }
      expect(arena.allocateRun('data', run)).toBe(-1);
      for (const block of singles) {
        arena.recordFree(block + 1, 1);
        arena.release(block + 1, 1);
      }
      expect(arena.allocateRun('data', run)).toBe(0);
    });

    test('when the arena grows', () => {
      const small = new Arena(0 as ArenaIndex, geometry, blockHasher);
      small.grow(60);
      while (small.allocateRun('data', 1) >= 0);
      const kept = small.free.blockCount;
      for (const block of singles.slice(0, 16)) {
        small.forgetUnlogged(block);
        small.reuseUnlogged(block);
      }
      small.grow(20);
      expect(small.allocateRun('data', kept + 21)).toBe(-1);
      small.grow(40);
      expect(small.allocateRun('data', kept + 21)).toBe(60 - kept);
    });
  });

  test('a piece is what the lowest range holds', () => {
    arena.allocateRun('data', 10);
    arena.forgetUnlogged(4);
    arena.reuseUnlogged(4);
    expect(arena.allocateSome('data', 8)).toBe(4);
    expect(arena.free.lastCount).toBe(1);
    expect(arena.allocateSome('data', 8)).toBe(10);
    expect(arena.free.lastCount).toBe(8);
  });

  test('I9: nobody but the log gets at the reserve, and what the log has counts for it', () => {
    expect(arena.availableBlocks).toBe(128 - RESERVE);
    expect(arena.allocateRun('data', 128 - RESERVE + 1)).toBe(-1);
    expect(arena.allocateRun('data', 128 - RESERVE)).toBe(0);
    expect(arena.allocateRun('metadata', 1)).toBe(-1);
    expect(arena.allocateSome('data', 1)).toBe(-1);
    arena.recordAlloc(0, 0, 1, 2);
    freeze(1);
    expect(arena.log.blockCount).toBe(2);
    expect(arena.availableBlocks).toBe(0);
    expect(arena.free.blockCount).toBe(RESERVE - 2);
  });
});

describe('what a superblock says of it', () => {
  test('the state as of the last freeze, whatever has happened since', () => {
    const before = new Arena(0 as ArenaIndex, geometry, blockHasher);
    before.grow(100);
    before.allocateRun('data', 5);
    before.recordAlloc(0, 0, 1, 2);
    before.freeze(1, 1 as Generation, disk);
    const { entry } = before;
    expect(entry).toMatchObject({ grownBlocks: 100, usedBlocks: 1 + 2, logSectors: 1 });
    before.grow(28);
    before.recordAlloc(1, 0, 1, 2);
    before.recordFree(0, 1);
    expect(before.entry).toEqual(entry);
    before.freeze(2, 2 as Generation, disk);
    expect(before.entry).toMatchObject({ grownBlocks: 128, usedBlocks: 1 + 3, logSectors: 2 });
  });

  test('growth in many steps is one record', () => {
    const grown = new Arena(0 as ArenaIndex, geometry, blockHasher);
    for (let n = 0; n < 128; n += 1) grown.grow(1);
    grown.freeze(1, 1 as Generation, disk);
    // The growth, two blocks of the log, the sync record.
    expect(grown.log.unitCount).toBe(1 + 2 + 2);
  });

  /**
   * Growth by a block or two, at the end of a quota or of `maxBytes`, opened an arena without room for a log: the next
   * commit met the assertion about I9, and the session was over.
   */
  test('I9: an arena that has grown by less than its reserve is not in it yet', () => {
    const small = new Arena(0 as ArenaIndex, geometry, blockHasher);
    for (let blocks = 1; blocks < 40; blocks += 1) {
      small.grow(1);
      const enough = blocks >= logReserveBlocks(blocks, geometry);
      expect(small.touched).toBe(enough);
      if (enough) break;
      expect(small.availableBlocks).toBe(0);
      expect(small.entry).toEqual({
        ...{ grownBlocks: 0, usedBlocks: 0, logHead: 0, logSectors: 0 },
        ...{ logHashHigh: 0, logHashLow: 0 },
      });
    }
    expect(small.grownBlocks).toBeGreaterThan(10);
    small.freeze(1, 1 as Generation, disk);
    expect(small.entry.grownBlocks).toBe(small.grownBlocks);
    expect(small.touched).toBe(false);
    small.grow(1);
    expect(small.touched).toBe(true);
  });

  test('it is touched by records, growth and the wish to be compacted, and by nothing else', () => {
    expect(arena.touched).toBe(true);
    freeze(1);
    expect(arena.touched).toBe(false);
    const block = arena.allocateRun('data', 2);
    arena.forgetUnlogged(block);
    arena.reuseUnlogged(block);
    expect(arena.touched).toBe(false);
    arena.recordAlloc(block + 1, 0, 1, 2);
    expect(arena.touched).toBe(true);
    freeze(2);
    expect(arena.touched).toBe(false);
    arena.askCompaction();
    expect(arena.touched).toBe(true);
  });
});

describe('compaction', () => {
  test('is asked for in vain while there is no log', () => {
    arena.askCompaction();
    expect(arena.compactionAsked).toBe(false);
  });

  test('waits until the chain it replaced before is reusable, and is not forgotten meanwhile', () => {
    freeze(1);
    arena.askCompaction();
    const old = [...arena.log.chain, arena.log.successor];
    expect(freeze(2)).toEqual(old);
    expect(arena.oldLogBlocks).toBe(old.length);
    for (const commit of [3, 4]) {
      arena.askCompaction();
      expect(freeze(commit)).toEqual([]);
      expect(arena.compactionAsked).toBe(true);
    }
    for (const block of old) {
      arena.release(block, 1);
      disk.release(block);
    }
    arena.releaseOldLog(old.length);
    expect(freeze(5)).not.toEqual([]);
    expect(arena.compactionAsked).toBe(false);
    expect(arena.compactionCount).toBe(2);
  });

  test('I9: waits for that after a recovery too', () => {
    const life = new ArenaLife(geometry);
    life.arena.grow(128);
    life.commitAll();
    life.arena.askCompaction();
    life.commitAll();
    expect(life.arena.compactionCount).toBe(1);
    life.reopen();
    const old = life.arena.oldLogBlocks;
    expect(old).toBe(2);
    for (let commit = 1; commit <= 3; commit += 1) {
      expect(life.arena.oldLogBlocks).toBe(commit === 3 ? 0 : old);
      life.arena.askCompaction();
      life.freeze();
      expect(life.arena.compactionCount).toBe(commit === 3 ? 1 : 0);
      life.durable();
    }
    life.verify();
  });

  test('comes by itself when the chain is long: twice what it was after the last, or longer than any needs', () => {
    const life = new ArenaLife(geometry);
    life.arena.grow(128);
    let longest = 0;
    for (let commit = 0; commit < 400; commit += 1) {
      life.allocate('data', 1);
      life.end();
      const [oldest] = life.used.keys();
      if (oldest !== undefined) life.free(oldest);
      life.end();
      life.commitAll();
      longest = Math.max(longest, life.arena.log.blockCount);
    }
    expect(longest).toBe(8);
    expect(life.arena.compactionCount).toBeGreaterThan(50);
    expect(life.arena.compactionCount).toBeLessThan(80);
  });

  test('I9: comes at a length that no compacted log has, even if that is not twice what it was', () => {
    const life = new ArenaLife({ ...geometry, arenaBytes: 600 * 512 });
    life.arena.grow(600);
    life.commitAll();
    // All there is, allocated in one transaction and freed in others: the longest that three commits can be.
    while (life.allocate('data', 1) > 0);
    life.end();
    const blocks = [...life.used.keys()];
    for (const parity of [0, 1]) {
      for (const block of blocks) if (block % 2 === parity) life.free(block);
      life.end();
    }
    life.arena.askCompaction();
    life.commitAll();
    expect(life.arena.compactionCount).toBe(1);
    const longest = logBlocksMax(600, geometry);
    expect(life.arena.log.blockCount * 2).toBeGreaterThan(longest);
    while (life.arena.compactionCount === 1) {
      expect(life.arena.log.blockCount).toBeLessThanOrEqual(longest);
      life.allocate('data', 1);
      life.end();
      life.commitAll();
    }
    life.verify();
  });

  /** It forgot how long the chain was after the last one, and every session began with a compaction of every log. */
  test('a long log is not compacted just because the store was opened', () => {
    const wide = { ...geometry, arenaBytes: 1200 * 512 };
    const life = new ArenaLife(wide);
    life.arena.grow(1200);
    life.allocate('data', 700);
    life.end();
    for (let block = 0; block < 700; block += 2) life.free(block);
    life.end();
    life.commitAll();
    for (let n = 0; n < 3; n += 1) life.commitAll();
    life.arena.askCompaction();
    life.commitAll();
    const blocks = life.arena.log.blockCount;
    expect(blocks).toBe(8);
    for (let n = 0; n < 3; n += 1) life.commitAll();
    life.reopen();
    life.allocate('data', 1);
    life.end();
    life.commitAll();
    expect(life.arena.compactionCount).toBe(0);
    expect(life.arena.log.blockCount).toBe(blocks + 1);
    life.verify();
  });
});

test('an arena is resumed once, before anything else', () => {
  const life = new ArenaLife(geometry);
  life.arena.grow(100);
  life.commitAll();
  expect(() => arena.resume(life.replayNewest())).toThrow('an arena is resumed once');
});
