import { beforeEach, describe, expect, test } from 'vitest';
import type { ArenaIndex } from '../base/brand.ts';
import type { Geometry } from '../format/geometry.ts';
import { blockHasher } from '../sim/arena-life.ts';
import { ArenaSet } from './arena-set.ts';
import { STATE, UNLOGGED, UNPUBLISHED } from './block-state.ts';

const geometry: Geometry = {
  ...{ blockBytes: 16_384, sectorBytes: 4096, slotBytes: 65_536, diskCount: 2 },
  arenaBytes: 4096 * 16_384,
};
const ROUND_ROBIN_BLOCKS = 1024;

let set: ArenaSet;

/** Arenas that have grown by so many blocks each. */
function grown(...blocks: number[]): ArenaSet {
  const arenas = new ArenaSet(geometry, blockHasher);
  for (const [index, count] of blocks.entries()) {
    const arena = arenas.open(index as ArenaIndex);
    if (count > 0) arena.grow(count);
  }
  return arenas;
}

const fill = (index: number): void => {
  while (set.at(index).allocateSome('data', 4096) >= 0);
};

beforeEach(() => {
  set = grown(2048, 2048, 2048);
});

describe('where it begins', () => {
  test('the round robin moves on after 1,024 blocks, and comes round', () => {
    const order: number[] = [];
    for (let n = 0; n < (6 * ROUND_ROBIN_BLOCKS) / 256; n += 1) {
      expect(set.allocate('data', 256, 0)).toBeGreaterThanOrEqual(0);
      if (order.at(-1) !== set.lastArena) order.push(set.lastArena);
    }
    // Each arena has room for less than twice a turn: the last blocks are found further on.
    expect(order.slice(0, 5)).toEqual([0, 1, 2, 0, 1]);
  });

  test('neighbours: runs of one turn lie one behind the other', () => {
    const starts = [1, 2, 3, 4].map(() => set.allocate('data', 16, 0));
    expect(starts).toEqual([0, 16, 32, 48]);
    expect(set.lastCount).toBe(16);
  });

  test('metadata starts one arena further than data, and at the top', () => {
    expect(set.allocate('data', 1, 0)).toBe(0);
    expect(set.lastArena).toBe(0);
    expect(set.allocate('metadata', 1, 0)).toBe(2047);
    expect(set.lastArena).toBe(1);
    expect(set.at(0).states[0]).toBe(STATE.data | UNLOGGED | UNPUBLISHED);
    expect(set.at(1).states[2047]).toBe(STATE.metadata | UNLOGGED | UNPUBLISHED);
  });

  test('a hint moves the beginning; any whole number is one', () => {
    for (const hint of [0, 1, 2, 3, 4, 3000]) {
      set.allocate('data', 1, hint);
      expect(set.lastArena).toBe(hint % 3);
    }
    expect(() => set.allocate('data', 1, -1)).toThrow('a hint is a whole number');
    expect(() => set.allocate('data', 1, 0.5)).toThrow('a hint is a whole number');
  });
});

describe('what it finds', () => {
  test('full arenas are passed over, and the last one leads to the first', () => {
    fill(1);
    fill(2);
    expect(set.allocate('data', 1, 1)).toBe(0);
    expect(set.lastArena).toBe(0);
    fill(0);
    expect(set.allocate('data', 1, 1)).toBe(-1);
    expect(set.allocate('metadata', 64, 1)).toBe(-1);
  });

  test('arenas that have not grown are passed over', () => {
    set = grown(0, 0, 64);
    expect(set.allocate('data', 8, 0)).toBe(0);
    expect(set.lastArena).toBe(2);
  });

  test('I9: the log’s reserve is not room', () => {
    set = grown(64);
    const room = set.availableBlocks;
    expect(room).toBe(64 - 13);
    expect(set.allocate('data', room, 0)).toBe(0);
    expect(set.allocate('data', 1, 0)).toBe(-1);
    expect(set.at(0).free.blockCount).toBe(13);
  });

  test('a whole run in any arena comes before a piece in the first', () => {
    const first = set.at(0);
    fill(0);
    for (let block = 0; block < 1000; block += 2) {
      first.forgetUnlogged(block);
      first.reuseUnlogged(block);
    }
    expect(first.availableBlocks).toBe(500);
    expect(set.allocate('data', 100, 0)).toBe(0);
    expect([set.lastArena, set.lastCount]).toEqual([1, 100]);
    fill(1);
    fill(2);
    expect(set.allocate('data', 100, 0)).toBe(0);
    expect([set.lastArena, set.lastCount]).toEqual([0, 1]);
    expect(set.allocate('data', 100, 0)).toBe(2);
    expect([set.lastArena, set.lastCount]).toEqual([0, 1]);
  });

  test('pieces add up to all there is, and no block is handed out twice', () => {
    const seen = new Set<string>();
    const room = set.availableBlocks;
    for (let left = room; left > 0; ) {
      const start = set.allocate('data', Math.min(left, 700), left);
      expect(start).toBeGreaterThanOrEqual(0);
      for (let n = 0; n < set.lastCount; n += 1) seen.add(`${set.lastArena} ${start + n}`);
      left -= set.lastCount;
    }
    expect(seen.size).toBe(room);
    expect(set.availableBlocks).toBe(0);
  });
});

describe('the set', () => {
  test('an arena comes into being with the ones before it, once', () => {
    set = new ArenaSet(geometry, blockHasher);
    expect(set.allocate('data', 1, 7)).toBe(-1);
    expect(set.availableBlocks).toBe(0);
    const third = set.open(2 as ArenaIndex);
    expect(set.arenas.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(set.open(2 as ArenaIndex)).toBe(third);
    expect(set.at(2)).toBe(third);
    expect(set.at(0).grownBlocks).toBe(0);
    expect(() => set.at(3)).toThrow('an address in use lies in an arena');
  });
});
